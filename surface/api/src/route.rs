//! One address of the interface, declared: what it answers, what it takes, who serves it.
//!
//! Made in [`crate::routes`]; read by the router and by the OpenAPI document, which therefore cannot disagree.

use crate::code::Code;
use crate::routes::Shared;
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use hyper::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// The schema of a type, within a document.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What an answer consists of.
#[derive(Clone, Copy)]
pub enum Payload {
    /// A JSON document.
    Json(SchemaOf),
    /// Server-sent events, whose data is such a document.
    Events(SchemaOf),
    /// Text of this media type.
    Text(&'static str),
}

/// One address of the interface.
pub struct Route {
    /// GET or POST.
    pub method: Method,
    /// The path, with `{name}` for what stands for something.
    pub path: &'static str,
    /// The operation's name in generated clients.
    pub operation: &'static str,
    /// What it is for, in one line.
    pub summary: &'static str,
    /// The schema of the path's parameter, if it has one.
    pub named: Option<SchemaOf>,
    /// The schema of the parameters behind the question mark.
    pub query: Option<SchemaOf>,
    /// The schema of the body.
    pub body: Option<SchemaOf>,
    /// Headers it reads, with what they mean.
    pub headers: &'static [(&'static str, &'static str)],
    /// What it answers when it is granted.
    pub payload: Payload,
    /// Another status under which the same answer may come.
    pub also: Option<u16>,
    /// The codes of its own refusals, beside those every address has.
    pub refusals: &'static [Code],
    /// Who serves it.
    pub handler: MethodRouter<Shared>,
}

impl Route {
    fn new(method: Method, path: &'static str, payload: Payload, handler: MethodRouter<Shared>) -> Self {
        Self {
            method,
            path,
            operation: "",
            summary: "",
            named: None,
            query: None,
            body: None,
            headers: &[],
            payload,
            also: None,
            refusals: &[],
            handler,
        }
    }

    /// A GET that answers with a `T`.
    pub fn get<T: JsonSchema, A: 'static>(path: &'static str, handler: impl Handler<A, Shared>) -> Self {
        Self::new(Method::GET, path, Payload::Json(schema::<T>), routing::get(handler))
    }

    /// A GET that answers otherwise.
    pub fn get_other<A: 'static>(path: &'static str, payload: Payload, handler: impl Handler<A, Shared>) -> Self {
        Self::new(Method::GET, path, payload, routing::get(handler))
    }

    /// A POST that answers with a `T`.
    pub fn post<T: JsonSchema, A: 'static>(path: &'static str, handler: impl Handler<A, Shared>) -> Self {
        Self::new(Method::POST, path, Payload::Json(schema::<T>), routing::post(handler))
    }

    /// Its name in generated clients, and what it is for.
    pub const fn called(mut self, operation: &'static str, summary: &'static str) -> Self {
        (self.operation, self.summary) = (operation, summary);
        self
    }

    /// With a `T` in its path.
    pub fn of<T: JsonSchema>(mut self) -> Self {
        self.named = Some(schema::<T>);
        self
    }

    /// With the parameters of a `T` behind the question mark.
    pub fn with_query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(schema::<T>);
        self
    }

    /// With a `T` as its body.
    pub fn with_body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(schema::<T>);
        self
    }

    /// With these refusals of its own.
    pub const fn refuses(mut self, refusals: &'static [Code]) -> Self {
        self.refusals = refusals;
        self
    }
}

/// The schema of `T`: a reference, when `T` has a name.
pub fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
