//! The configuration of Homeostat: `homeostat.toml`, its layers, and every problem at once.
//!
//! Called by the wiring at start and at each reload, by the command line for `check`, `init` and `config`, and by the API.
//! Always holds: a [`Loaded`] passed every check; a [`Problem`] names its place and its remedy; no secret is ever held,
//! because secrets are only written as references, and what is shown of a text is redacted first. It never reads the
//! process's own environment (it is passed in, see [`Source`]), and never changes anything on the host.
//!
//! ```
//! use homeostat_config::{Source, load};
//! let source = Source { overrides: vec!["engine.name=lab".to_owned()], ..Source::default() };
//! let loaded = load(&source).expect("defaults are good");
//! assert_eq!(loaded.settings.name, "lab");
//! ```

mod check;
mod code;
mod complete;
mod hand_over;
mod layer;
mod loaded;
mod place;
mod problem;
mod reference;
mod render;
mod say;
pub mod scan;
mod schema;
mod secret;
mod section;
mod settings;
mod show;
mod source;
mod tree;
mod words;

pub use code::Code;
pub use hand_over::HandedOver;
pub use homeostat_vocabulary::Language;
pub use loaded::{GATEWAY_SERVICE, GatewayPlan, Loaded, Stamp, load, load_settings};
pub use place::Origin;
pub use problem::{Problem, Problems, Weight};
pub use reference::reference;
pub use render::Look;
pub use schema::schema;
pub use section::{LogFormat, LogLevel};
pub use settings::Settings;
pub use show::Setting;
pub use source::{FILE_NAME, Source, locate, places};

use check::listen_address as check_api_address;
