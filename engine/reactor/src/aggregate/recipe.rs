//! From events to aggregates: which figure of an event is aggregated, which events count, several aggregates at once.
//!
//! Windows and groups keep one [`Recipe`] and a state for each group. What is a function (a projection, a condition) stays in the
//! recipe and is given anew when the program starts; what was learned is in the states, and only they are saved and restored.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aggregate::Aggregator;
use crate::clock::Moment;

/// How events are aggregated: it makes the states and works on them, and is never saved itself.
///
/// Every [`Aggregator`] is the recipe of its own input, each state starting as a copy of it; tuples of two to four recipes are a
/// recipe.
///
/// ```
/// use homeostat_reactor::Moment;
/// use homeostat_reactor::aggregate::{Count, Mean, Recipe};
///
/// struct Request { millis: f64, failed: bool }
///
/// let recipe = (
///     Count::new().when(|request: &Request| request.failed),
///     Mean::new().of(|request: &Request| request.millis),
/// );
/// let mut state = recipe.start();
/// recipe.fold(&mut state, Moment::from_secs(1), &Request { millis: 10.0, failed: false });
/// recipe.fold(&mut state, Moment::from_secs(2), &Request { millis: 30.0, failed: true });
/// let (failed, mean) = recipe.read(&state);
/// assert_eq!((failed, mean.value), (1, Some(20.0)));
/// ```
pub trait Recipe<E>: Send + Sync + 'static {
    /// What is known of a group: plain data that serde saves and restores.
    type State: Clone + Send + Serialize + DeserializeOwned + 'static;
    /// What is said of a group.
    type Output;

    /// The state of a group of which nothing has been seen.
    fn start(&self) -> Self::State;

    /// Takes in an event that holds at a moment.
    fn fold(&self, state: &mut Self::State, at: Moment, event: &E);

    /// Takes in everything another state has taken in.
    fn join(&self, state: &mut Self::State, other: &Self::State);

    /// What can be said of everything taken in so far.
    fn read(&self, state: &Self::State) -> Self::Output;

    /// Aggregates a figure of events in place of the events.
    fn of<S, F>(self, figure: F) -> Of<Self, F>
    where
        Self: Sized,
        F: Fn(&S) -> E + Send + Sync + 'static,
    {
        Of { recipe: self, figure }
    }

    /// Aggregates a figure that not every event has; events without it are passed over.
    fn of_some<S, F>(self, figure: F) -> OfSome<Self, F>
    where
        Self: Sized,
        F: Fn(&S) -> Option<E> + Send + Sync + 'static,
    {
        OfSome { recipe: self, figure }
    }

    /// Passes over the events for which the condition does not hold.
    fn when<F>(self, condition: F) -> When<Self, F>
    where
        Self: Sized,
        F: Fn(&E) -> bool + Send + Sync + 'static,
    {
        When { recipe: self, condition }
    }
}

impl<A: Aggregator + Sync> Recipe<A::Input> for A {
    type State = A;
    type Output = A::Output;

    fn start(&self) -> A {
        self.clone()
    }

    fn fold(&self, state: &mut A, at: Moment, event: &A::Input) {
        state.add(at, event);
    }

    fn join(&self, state: &mut A, other: &A) {
        state.merge(other);
    }

    fn read(&self, state: &A) -> A::Output {
        state.output()
    }
}

/// Aggregates a figure of events; made by [`Recipe::of`].
#[derive(Debug, Clone, Copy)]
pub struct Of<R, F> {
    recipe: R,
    figure: F,
}

impl<E, V, R, F> Recipe<E> for Of<R, F>
where
    R: Recipe<V>,
    F: Fn(&E) -> V + Send + Sync + 'static,
{
    type State = R::State;
    type Output = R::Output;

    fn start(&self) -> R::State {
        self.recipe.start()
    }

    fn fold(&self, state: &mut R::State, at: Moment, event: &E) {
        self.recipe.fold(state, at, &(self.figure)(event));
    }

    fn join(&self, state: &mut R::State, other: &R::State) {
        self.recipe.join(state, other);
    }

    fn read(&self, state: &R::State) -> R::Output {
        self.recipe.read(state)
    }
}

/// Aggregates a figure that some events have; made by [`Recipe::of_some`].
#[derive(Debug, Clone, Copy)]
pub struct OfSome<R, F> {
    recipe: R,
    figure: F,
}

impl<E, V, R, F> Recipe<E> for OfSome<R, F>
where
    R: Recipe<V>,
    F: Fn(&E) -> Option<V> + Send + Sync + 'static,
{
    type State = R::State;
    type Output = R::Output;

    fn start(&self) -> R::State {
        self.recipe.start()
    }

    fn fold(&self, state: &mut R::State, at: Moment, event: &E) {
        if let Some(figure) = (self.figure)(event) {
            self.recipe.fold(state, at, &figure);
        }
    }

    fn join(&self, state: &mut R::State, other: &R::State) {
        self.recipe.join(state, other);
    }

    fn read(&self, state: &R::State) -> R::Output {
        self.recipe.read(state)
    }
}

/// Aggregates the events for which a condition holds; made by [`Recipe::when`].
#[derive(Debug, Clone, Copy)]
pub struct When<R, F> {
    recipe: R,
    condition: F,
}

impl<E, R, F> Recipe<E> for When<R, F>
where
    R: Recipe<E>,
    F: Fn(&E) -> bool + Send + Sync + 'static,
{
    type State = R::State;
    type Output = R::Output;

    fn start(&self) -> R::State {
        self.recipe.start()
    }

    fn fold(&self, state: &mut R::State, at: Moment, event: &E) {
        if (self.condition)(event) {
            self.recipe.fold(state, at, event);
        }
    }

    fn join(&self, state: &mut R::State, other: &R::State) {
        self.recipe.join(state, other);
    }

    fn read(&self, state: &R::State) -> R::Output {
        self.recipe.read(state)
    }
}

/// A tuple of recipes says a tuple of what each of them says.
macro_rules! recipe_of_several {
    ($($recipe:ident $place:tt),+) => {
        impl<E, $($recipe: Recipe<E>),+> Recipe<E> for ($($recipe,)+) {
            type State = ($($recipe::State,)+);
            type Output = ($($recipe::Output,)+);

            fn start(&self) -> Self::State {
                ($(self.$place.start(),)+)
            }

            fn fold(&self, state: &mut Self::State, at: Moment, event: &E) {
                $(self.$place.fold(&mut state.$place, at, event);)+
            }

            fn join(&self, state: &mut Self::State, other: &Self::State) {
                $(self.$place.join(&mut state.$place, &other.$place);)+
            }

            fn read(&self, state: &Self::State) -> Self::Output {
                ($(self.$place.read(&state.$place),)+)
            }
        }
    };
}

recipe_of_several!(A 0, B 1);
recipe_of_several!(A 0, B 1, C 2);
recipe_of_several!(A 0, B 1, C 2, D 3);
