//! How a table of error codes becomes a type: each crate that answers with codes of its own has one, and all are made here.
//!
//! Always holds: a code is written once, and its text, its place in `ALL` and its other columns come from that line. What the codes are,
//! and which columns they have, is each crate's own: this file knows none of them.

/// Makes an enum of codes with `ALL` and `as_str`. With `columns NAME as MACRO -> TYPE`, what stands behind each code is given to the
/// macro (the code first), and `NAME` answers with what that makes of it.
///
/// ```
/// /// How much it hurts.
/// #[derive(Debug, PartialEq)]
/// struct Row {
///     status: u16,
/// }
///
/// macro_rules! row {
///     ($code:literal, $status:literal) => {
///         Row { status: $status }
///     };
/// }
///
/// homeostat_vocabulary::codes! {
///     /// What can go wrong.
///     #[derive(Clone, Copy, Debug, PartialEq)]
///     enum Code, columns row as row -> Row {
///         NothingHere = "H9999" { 404 },
///     }
/// }
///
/// assert_eq!(Code::ALL, [Code::NothingHere]);
/// assert_eq!(Code::NothingHere.as_str(), "H9999");
/// assert_eq!(Code::NothingHere.row(), Row { status: 404 });
/// ```
#[macro_export]
macro_rules! codes {
    (
        $(#[$of_all:meta])* $visible:vis enum $Code:ident {
            $($(#[$of_one:meta])* $name:ident = $code:literal,)+
        }
    ) => {
        $(#[$of_all])*
        $visible enum $Code {
            $($(#[$of_one])* #[doc = concat!("See docs/errors/", $code, ".md.")] $name,)+
        }

        impl $Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as it is shown: `H0003`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }
        }
    };
    (
        $(#[$of_all:meta])* $visible:vis enum $Code:ident, columns $columns:ident as $row:ident -> $Row:ty {
            $($(#[$of_one:meta])* $name:ident = $code:literal { $($column:tt)+ },)+
        }
    ) => {
        $crate::codes! { $(#[$of_all])* $visible enum $Code { $($(#[$of_one])* $name = $code,)+ } }

        impl $Code {
            const fn $columns(self) -> $Row {
                match self { $(Self::$name => $row!($code, $($column)+),)+ }
            }
        }
    };
}
