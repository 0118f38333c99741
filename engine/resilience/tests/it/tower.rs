//! The layers for tower: every row of the matrix in their documentation, for every layer, and what only some of them promise.

mod cases;
mod limits;
mod matrix;
mod probe;
mod room;
mod single;
