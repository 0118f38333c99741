//! `[gateway.auth.NAME]`, ready for use: a key, a token, or either.

use super::refused::NotAdmitted;
use super::{Caller, GuardError, Guards};
use crate::api_keys::KeyFile;
use crate::jwt::Bearer;
use crate::source::Source;
use homeostat_routing::settings::{ApiKeys, Auth};
use homeostat_vocabulary::Timestamp;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;

const SCHEME: &[u8] = b"bearer ";

pub(super) struct Access {
    keys: Option<Keys>,
    bearer: Option<Arc<Bearer>>,
}

struct Keys {
    header: HeaderName,
    file: Arc<Source<KeyFile>>,
    forward_name: Option<HeaderName>,
}

impl Access {
    pub fn compile(guards: &Guards, name: &str, settings: &Auth) -> Result<Self, GuardError> {
        let wrong = |why: String| GuardError::Auth { auth: name.to_owned(), why };
        let keys = settings.api_keys.as_ref().map(|keys| Keys::compile(guards, keys)).transpose().map_err(wrong)?;
        let bearer = settings.jwt.as_ref().map(|jwt| guards.bearer(name, jwt)).transpose().map_err(wrong)?;
        if keys.is_none() && bearer.is_none() {
            return Err(GuardError::EmptyAuth(name.to_owned()));
        }
        Ok(Self { keys, bearer })
    }

    /// The headers that only the gateway may write on this route.
    pub fn own_headers(&self) -> Vec<HeaderName> {
        let name = self.keys.iter().filter_map(|keys| keys.forward_name.clone());
        let claims = self.bearer.iter().flat_map(|bearer| bearer.forwarded().cloned());
        name.chain(claims).collect()
    }

    /// Who asks. When both ways are open, a good key or a good token is enough; of two bad ones the token's fault is told.
    pub fn admit(&self, headers: &HeaderMap, wall: Timestamp) -> Result<Caller, NotAdmitted> {
        let key_fault = match self.keys.as_ref().map(|keys| keys.admit(headers)) {
            Some(Ok(caller)) => return Ok(caller),
            Some(Err(fault)) => fault,
            None => NotAdmitted::Nothing,
        };
        let Some(bearer) = &self.bearer else { return Err(key_fault) };
        match token_of(headers)? {
            Some(token) => bearer.check(token, wall).map(Caller::Token).map_err(NotAdmitted::Token),
            None => Err(key_fault),
        }
    }

    /// Tells the upstream who asks.
    pub fn announce(&self, caller: &Caller, headers: &mut HeaderMap) {
        match caller {
            Caller::Key(name) => {
                let Some(keys) = &self.keys else { return };
                // Nobody behind the gateway has a use for the key, and what is not passed on cannot leak there.
                headers.remove(&keys.header);
                if let Some(header) = &keys.forward_name {
                    let value = HeaderValue::from_str(name).expect("names of keys are visible ASCII");
                    headers.insert(header.clone(), value);
                }
            }
            Caller::Token(verified) => {
                for (header, value) in &verified.headers {
                    headers.insert(header.clone(), value.clone());
                }
            }
        }
    }

    /// What `WWW-Authenticate` says with a refusal.
    pub fn challenge(&self, why: NotAdmitted) -> &'static str {
        match (&self.bearer, why) {
            (None, _) => "ApiKey",
            (Some(_), NotAdmitted::Token(fault)) => fault.challenge(),
            (Some(_), _) => "Bearer",
        }
    }
}

impl Keys {
    fn compile(guards: &Guards, settings: &ApiKeys) -> Result<Self, String> {
        let header = |name: &str| name.parse::<HeaderName>().map_err(|_| format!("`{name}` is no name of a header"));
        let forward_name = match settings.forward_name.as_str() {
            "" => None,
            name => Some(header(name)?),
        };
        Ok(Self { header: header(&settings.header)?, file: guards.key_file(&settings.file)?, forward_name })
    }

    fn admit(&self, headers: &HeaderMap) -> Result<Caller, NotAdmitted> {
        let mut given = headers.get_all(&self.header).into_iter();
        match (given.next(), given.next()) {
            (None, _) => Err(NotAdmitted::Nothing),
            (Some(key), None) => {
                let file = self.file.current().ok_or(NotAdmitted::Key)?;
                file.holder(self.text(key)).map(Caller::Key).ok_or(NotAdmitted::Key)
            }
            (Some(_), Some(_)) => Err(NotAdmitted::Key),
        }
    }

    /// In `Authorization` a key may stand behind a scheme, as it must in many clients.
    fn text<'a>(&self, value: &'a HeaderValue) -> &'a [u8] {
        let bytes = value.as_bytes();
        if self.header == AUTHORIZATION { after_scheme(bytes).unwrap_or(bytes) } else { bytes }
    }
}

/// The bearer's token, where there is one.
fn token_of(headers: &HeaderMap) -> Result<Option<&[u8]>, NotAdmitted> {
    let mut given = headers.get_all(AUTHORIZATION).into_iter();
    match (given.next(), given.next()) {
        (Some(_), Some(_)) => Err(NotAdmitted::Token(crate::jwt::TokenFault::Malformed)),
        (first, _) => Ok(first.and_then(|value| after_scheme(value.as_bytes()))),
    }
}

fn after_scheme(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| rest.trim_ascii())
}
