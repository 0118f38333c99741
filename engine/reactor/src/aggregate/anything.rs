//! What aggregates that take anything and hold none of it have in common: derived, `Clone` and the rest would ask the same of the
//! type they take.

/// Implements `Clone`, `PartialEq` and `Debug` for a `Name<T>` with these fields and a marker called `of`.
macro_rules! takes_anything {
    ($name:ident { $($field:ident),+ }) => {
        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                Self { $($field: self.$field.clone(),)+ of: std::marker::PhantomData }
            }
        }

        impl<T> PartialEq for $name<T> {
            fn eq(&self, other: &Self) -> bool {
                $(self.$field == other.$field)&&+
            }
        }

        impl<T> std::fmt::Debug for $name<T> {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.debug_struct(stringify!($name))$(.field(stringify!($field), &self.$field))+.finish()
            }
        }
    };
}

pub(super) use takes_anything;
