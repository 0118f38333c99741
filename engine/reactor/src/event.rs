//! What an event must be able to say of itself, and how a handler names the type it wants.

use std::borrow::Cow;

use crate::class::Class;

/// Something that happened, on its way through the reactor.
///
/// Cloned once for every further handler that wants it: keep big payloads in an `Arc`.
pub trait Event: Clone + Send + Sync + 'static {
    /// The name of its type, for routing rules, metrics and messages.
    fn kind(&self) -> &'static str;

    /// How urgent it is.
    fn class(&self) -> Class {
        Class::Sense
    }

    /// What it is about, as a path of names with dots (`shop.orders.17`).
    fn subject(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    /// Anything else that a routing rule may ask for.
    fn attribute(&self, _name: &str) -> Option<Cow<'_, str>> {
        None
    }

    /// Events with the same key say the same thing newer: where a class coalesces, the newer one takes the older one's place.
    fn key(&self) -> Option<u64> {
        None
    }
}

/// An event of one kind inside an event that can be of many: how `on::<T>()` finds what it wants.
///
/// Written by [`events!`](crate::events) for an enum of kinds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no kind `{T}`",
    note = "name `{T}` in the `events!` that declares `{Self}`"
)]
pub trait Holds<T>: Sized {
    /// The inner event, if it is of this kind.
    fn get(&self) -> Option<&T>;
    /// The same, by value.
    fn take(self) -> Option<T>;
}

/// Declares an enum of events with one kind a variant, and for each kind the conversions that subscribing by type needs.
/// The enum itself can be subscribed to as well.
///
/// Each kind is a type in scope by its bare name, which is also the kind's name; the enum derives `Clone` itself, so every kind must
/// be `Clone`. How urgent each is, and whatever else [`Event`] lets an event say, stands in an
/// optional block of methods.
///
/// ```
/// use homeostat_reactor::{Class, Event, Holds, events};
///
/// #[derive(Clone, Debug, PartialEq)]
/// pub struct OrderPlaced { pub amount: u64 }
/// #[derive(Clone, Debug, PartialEq)]
/// pub struct PageSeen { pub path: String }
///
/// events! {
///     /// What happens in the shop.
///     #[derive(Debug)]
///     pub enum ShopEvent { OrderPlaced, PageSeen }
///
///     fn class(&self) -> Class {
///         match self { Self::OrderPlaced(_) => Class::Act, Self::PageSeen(_) => Class::Bulk }
///     }
/// }
///
/// let event = ShopEvent::from(OrderPlaced { amount: 30 });
/// assert_eq!((event.kind(), event.class()), ("OrderPlaced", Class::Act));
/// assert_eq!(Holds::<OrderPlaced>::get(&event).map(|order| order.amount), Some(30));
/// assert!(Holds::<PageSeen>::get(&event).is_none());
/// ```
#[macro_export]
macro_rules! events {
    ($(#[$meta:meta])* $public:vis enum $name:ident { $($kind:ident),+ $(,)? } $($method:item)*) => {
        $(#[$meta])*
        #[derive(Clone)]
        $public enum $name {
            $(#[doc = concat!("`", stringify!($kind), "`.")] $kind($kind),)+
        }

        impl $crate::Event for $name {
            fn kind(&self) -> &'static str {
                match self { $(Self::$kind(_) => stringify!($kind),)+ }
            }
            $($method)*
        }

        impl $crate::Holds<$name> for $name {
            fn get(&self) -> Option<&$name> { Some(self) }
            fn take(self) -> Option<$name> { Some(self) }
        }

        $(
            impl From<$kind> for $name {
                fn from(event: $kind) -> Self { Self::$kind(event) }
            }

            impl $crate::Holds<$kind> for $name {
                // With a single kind the other arm is never taken.
                #[allow(unreachable_patterns)]
                fn get(&self) -> Option<&$kind> {
                    match self { Self::$kind(event) => Some(event), _ => None }
                }
                #[allow(unreachable_patterns)]
                fn take(self) -> Option<$kind> {
                    match self { Self::$kind(event) => Some(event), _ => None }
                }
            }
        )+
    };
}
