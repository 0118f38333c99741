//! `tracestate`: what vendors carry along with a trace. The gateway adds nothing to it; it judges whether it may go on.
//!
//! Pure; never panics, whatever the bytes.

use super::TRACESTATE;
use http::header::HeaderMap;

/// The most members, as the standard says.
const MEMBERS_MAX: usize = 32;
/// The most bytes over all lines. The standard asks for 512 at least; more than this is a client filling other people's headers.
const BYTES_MAX: usize = 2_048;
const KEY_BYTES_MAX: usize = 256;
const TENANT_BYTES_MAX: usize = 241;
const SYSTEM_BYTES_MAX: usize = 14;
const VALUE_BYTES_MAX: usize = 256;

/// Whether all lines together follow the grammar; true when there are none.
pub(super) fn is_good(headers: &HeaderMap) -> bool {
    let mut keys = [""; MEMBERS_MAX];
    let (mut count, mut bytes) = (0, 0_usize);
    for line in headers.get_all(TRACESTATE) {
        bytes = bytes.saturating_add(line.len());
        let Ok(line) = line.to_str() else { return false };
        if bytes > BYTES_MAX {
            return false;
        }
        for member in line.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty())
        {
            let Some((key, value)) = member.split_once('=') else { return false };
            if count == MEMBERS_MAX || keys[..count].contains(&key) || !is_key(key) || !is_value(value) {
                return false;
            }
            keys[count] = key;
            count += 1;
        }
    }
    true
}

fn is_key(key: &str) -> bool {
    let letters = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(&byte))
    };
    let begins = |part: &str, digit: bool| {
        part.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || (digit && byte.is_ascii_digit()))
    };
    match key.split_once('@') {
        None => key.len() <= KEY_BYTES_MAX && begins(key, false) && letters(key),
        Some((tenant, system)) => {
            let sizes = tenant.len() <= TENANT_BYTES_MAX && system.len() <= SYSTEM_BYTES_MAX;
            sizes && begins(tenant, true) && begins(system, false) && letters(tenant) && letters(system)
        }
    }
}

fn is_value(value: &str) -> bool {
    let visible = value.bytes().all(|byte| (0x20..=0x7e).contains(&byte) && byte != b'=');
    !value.is_empty() && value.len() <= VALUE_BYTES_MAX && visible && !value.ends_with(' ')
}
