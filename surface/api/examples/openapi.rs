//! Prints the OpenAPI document: `cargo run -q -p homeostat-api --example openapi > docs/openapi.json`.
//!
//! A test compares that file with what this prints.

fn main() {
    println!("{:#}", homeostat_api::openapi_document());
}
