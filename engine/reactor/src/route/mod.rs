//! Rules that say where events go.
