//! Which pages of other origins may call a route: preflights answered, other answers marked.
//!
//! The gateway asks [`Cors::preflight`] before it asks who may come in (browsers send preflights without credentials), and calls
//! [`Cors::write`] on every answer of the route, refusals too: a page that may not read a 401 cannot tell it from a dead network. Always
//! holds: an origin that is not listed gets no word of permission; credentials are never allowed together with "everyone"; answers say
//! that they differ by origin, so that no cache hands one origin's answer to another.

use crate::vary;
use homeostat_routing::settings;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue, ORIGIN,
};
use http::{Method, StatusCode};

const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// Why `cors` of a route cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CorsError {
    /// Credentials for everyone: every page of the web could act as its visitor.
    #[error("`credentials` cannot go with the origin \"*\"; name the origins")]
    CredentialsForAll,
    /// It is no origin.
    #[error("`{0}` is no origin such as \"https://app.example.org\"")]
    NoOrigin(String),
    /// A method or a header name cannot be written into a header.
    #[error("`{0}` is no method and no name of a header")]
    NoToken(String),
}

#[derive(Clone, Debug)]
enum Pattern {
    Exact(Box<str>),
    /// `https://*.example.org`: the scheme with its slashes, and the rest from the dot on.
    Below {
        scheme: Box<str>,
        rest: Box<str>,
    },
}

/// `cors` of a route, ready for use.
#[derive(Clone, Debug)]
pub struct Cors {
    everyone: bool,
    patterns: Vec<Pattern>,
    methods: HeaderValue,
    headers: HeaderValue,
    expose: Option<HeaderValue>,
    credentials: bool,
    age_max: HeaderValue,
}

impl Cors {
    /// Makes the settings ready.
    ///
    /// # Errors
    /// When they allow what must not be allowed, or an origin or a name cannot be read.
    pub fn compile(settings: &settings::Cors) -> Result<Self, CorsError> {
        let everyone = settings.origins.0.iter().any(|origin| origin == "*");
        if everyone && settings.credentials {
            return Err(CorsError::CredentialsForAll);
        }
        let listed = settings.origins.0.iter().filter(|origin| *origin != "*");
        let expose = if settings.expose.is_empty() { None } else { Some(list(&settings.expose)?) };
        Ok(Self {
            everyone,
            patterns: listed.map(|origin| pattern(origin)).collect::<Result<_, _>>()?,
            methods: list(&settings.methods)?,
            headers: list(&settings.headers)?,
            expose,
            credentials: settings.credentials,
            age_max: HeaderValue::from(settings.age_max.0.0 / 1_000),
        })
    }

    /// The answer to a preflight: 204, with permission where the origin has it. None when the request is no preflight.
    #[must_use]
    pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<http::Response<()>> {
        let asked = headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if method != Method::OPTIONS || !asked || !headers.contains_key(ORIGIN) {
            return None;
        }
        let mut response = http::Response::new(());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        // Caches that keep answers to OPTIONS are rare and wrong, but they exist.
        vary::add(answer, &ORIGIN);
        vary::add(answer, &ACCESS_CONTROL_REQUEST_METHOD);
        vary::add(answer, &ACCESS_CONTROL_REQUEST_HEADERS);
        if self.permit(one_origin(headers), answer) {
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
            answer.insert(ACCESS_CONTROL_MAX_AGE, self.age_max.clone());
        }
        Some(response)
    }

    /// Marks an answer for the origin that asked; what the upstream said of the matter is replaced.
    pub fn write(&self, request_headers: &HeaderMap, answer: &mut HeaderMap) {
        self.write_for(one_origin(request_headers), answer);
    }

    /// The same, for when the request is gone and its one `Origin` header was kept.
    pub fn write_for(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        for name in [
            ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            ACCESS_CONTROL_EXPOSE_HEADERS,
            ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_HEADERS,
            ACCESS_CONTROL_MAX_AGE,
            ALLOW_PRIVATE_NETWORK,
        ] {
            answer.remove(name);
        }
        if !self.everyone {
            // Also without an Origin: a cache must not hand this answer to a page that needs the permission.
            vary::add(answer, &ORIGIN);
        }
        if self.permit(origin, answer)
            && let Some(expose) = &self.expose
        {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
    }

    fn permit(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) -> bool {
        let Some(origin) = origin.filter(|origin| self.allows(origin)) else { return false };
        let said = if self.everyone { HeaderValue::from_static("*") } else { origin.clone() };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, said);
        if self.credentials {
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        true
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        self.everyone || self.patterns.iter().any(|pattern| pattern.allows(origin))
    }
}

impl Pattern {
    fn allows(&self, origin: &str) -> bool {
        match self {
            Self::Exact(listed) => origin == &**listed,
            Self::Below { scheme, rest } => {
                let name = origin.strip_prefix(&**scheme).and_then(|tail| tail.strip_suffix(&**rest));
                name.is_some_and(is_host_name)
            }
        }
    }
}

/// The origin that asks; none when several are named.
fn one_origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut given = headers.get_all(ORIGIN).into_iter();
    match (given.next(), given.next()) {
        (Some(origin), None) => Some(origin),
        _ => None,
    }
}

/// `null` is refused: every sandboxed page has it, so that it means everyone.
fn pattern(text: &str) -> Result<Pattern, CorsError> {
    let refused = || CorsError::NoOrigin(text.to_owned());
    let (scheme, authority) = text.split_once("://").ok_or_else(refused)?;
    let scheme_fits =
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || b"+-.".contains(&byte));
    let (wild, name) = match authority.strip_prefix("*.") {
        Some(name) => (true, name),
        None => (false, authority),
    };
    let (host, port) = match name.rsplit_once(':').filter(|_| !name.ends_with(']')) {
        Some((host, port)) => (host, Some(port)),
        None => (name, None),
    };
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number.to_string() == port));
    let host_fits = is_host_name(host) || (!wild && is_bracketed(host));
    if !scheme_fits || !port_fits || !host_fits {
        return Err(refused());
    }
    Ok(match wild {
        true => Pattern::Below { scheme: format!("{scheme}://").into(), rest: format!(".{name}").into() },
        false => Pattern::Exact(text.into()),
    })
}

fn is_host_name(text: &str) -> bool {
    let letters = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
    };
    text.split('.').all(|part| !part.is_empty() && letters(part))
}

fn is_bracketed(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

fn list(texts: &settings::Texts) -> Result<HeaderValue, CorsError> {
    for text in &texts.0 {
        if text != "*" && HeaderName::from_bytes(text.as_bytes()).is_err() {
            return Err(CorsError::NoToken(text.clone()));
        }
    }
    HeaderValue::from_str(&texts.0.join(", ")).map_err(|_| CorsError::NoToken(texts.0.join(", ")))
}
