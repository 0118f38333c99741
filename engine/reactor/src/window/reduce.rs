//! Windows that combine a figure of their events with a function; used by [`super::Windowing::reduce`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aggregate::Recipe;
use crate::clock::Moment;

/// Combines a figure of each event with what came before; made by [`Windowing::reduce`](super::Windowing::reduce) alone, which reads
/// no state without events.
#[derive(Debug, Clone, Copy)]
pub struct Reduce<F, C> {
    pub(super) figure: F,
    pub(super) combine: C,
}

impl<E, V, F, C> Recipe<E> for Reduce<F, C>
where
    V: Clone + Send + Serialize + DeserializeOwned + 'static,
    F: Fn(&E) -> V + Send + Sync + 'static,
    C: Fn(V, V) -> V + Send + Sync + 'static,
{
    type State = Option<V>;
    type Output = V;

    fn start(&self) -> Option<V> {
        None
    }

    fn fold(&self, state: &mut Option<V>, _at: Moment, event: &E) {
        self.put(state, (self.figure)(event));
    }

    fn join(&self, state: &mut Option<V>, other: &Option<V>) {
        if let Some(other) = other {
            self.put(state, other.clone());
        }
    }

    fn read(&self, state: &Option<V>) -> V {
        state.clone().expect("a window has an event")
    }
}

impl<F, C> Reduce<F, C> {
    fn put<V>(&self, state: &mut Option<V>, value: V)
    where
        C: Fn(V, V) -> V,
    {
        *state = Some(match state.take() {
            Some(before) => (self.combine)(before, value),
            None => value,
        });
    }
}
