//! The event that the tests send around, and how they wait for what must come.

use std::borrow::Cow;
use std::future::Future;
use std::time::Duration;

use homeostat_adapters::Token;
use homeostat_adapters::websocket::Gap;
use homeostat_reactor::{Class, Event};
use serde::{Deserialize, Serialize};

/// Longer than anything takes that works.
pub const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub id: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl Order {
    pub fn new(id: u64) -> Self {
        Self { id, urgent: false, text: String::new() }
    }
}

impl Event for Order {
    fn kind(&self) -> &'static str {
        "order"
    }

    fn class(&self) -> Class {
        if self.urgent { Class::Critical } else { Class::Sense }
    }

    fn subject(&self) -> Cow<'_, str> {
        format!("shop.orders.{}", self.id).into()
    }
}

/// What a follower hands on: orders, and that some are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Order(Order),
    Missed(Gap),
}

impl From<Order> for Heard {
    fn from(order: Order) -> Self {
        Self::Order(order)
    }
}

impl From<Gap> for Heard {
    fn from(gap: Gap) -> Self {
        Self::Missed(gap)
    }
}

impl Event for Heard {
    fn kind(&self) -> &'static str {
        match self {
            Self::Order(_) => "order",
            Self::Missed(_) => "missed",
        }
    }
}

pub fn token() -> Token {
    Token::new("a-secret-of-enough-letters").unwrap()
}

/// What must come in the end.
pub async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(DEADLINE, what).await.expect("it should have come long ago")
}

/// Looks again and again until something holds.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "{what} did not come to pass");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
