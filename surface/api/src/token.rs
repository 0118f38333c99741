//! The token of the TCP address: made at the first start, kept in a file that only its owner may read.
//!
//! Called by `serve` at start and by the gate for each request. The token is never logged and never part of an answer.

use crate::error::ApiError;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// 256 bits: not to be guessed.
const TOKEN_BYTES: usize = 32;

/// The letters of a token: two for each byte.
const TOKEN_LETTERS: usize = TOKEN_BYTES * 2;

/// Where the token of a data folder is kept.
#[must_use]
pub fn token_path(data_folder: &Path) -> PathBuf {
    data_folder.join("token")
}

/// The secret that opens the TCP address.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The folder's token; makes it when there is none. Only the holder of the folder's lock may call this.
    pub fn of_folder(data_folder: &Path) -> Result<Self, ApiError> {
        let path = token_path(data_folder);
        let refused = |reason: String| ApiError::Token { path: path.clone(), reason };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return make(&path).map_err(|error| refused(error.to_string()));
            }
            Err(error) => return Err(refused(error.to_string())),
        };
        let mode = std::fs::metadata(&path).map_err(|error| refused(error.to_string()))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(refused(format!(
                "others may read it (mode {:o}); delete it, and a new one is made",
                mode & 0o777
            )));
        }
        let text = text.trim_end();
        if text.len() != TOKEN_LETTERS || !text.bytes().all(|letter| letter.is_ascii_hexdigit()) {
            return Err(refused(format!(
                "it does not hold {TOKEN_LETTERS} hexadecimal digits; delete it, and a new one is made"
            )));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether `given` is this token, in a time that tells nothing of how much of it is right.
    pub fn matches(&self, given: &str) -> bool {
        if given.len() != self.0.len() {
            return false;
        }
        let difference =
            self.0.bytes().zip(given.bytes()).fold(0_u8, |sum, (own, other)| std::hint::black_box(sum | (own ^ other)));
        difference == 0
    }
}

/// Writes a new token beside its place and moves it there, so that a crash leaves a whole token or none.
fn make(path: &Path) -> std::io::Result<Token> {
    let mut bytes = [0_u8; TOKEN_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let beside = path.with_extension("new");
    // One that a crash left behind.
    let _ = std::fs::remove_file(&beside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(format!("{text}\n").as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(Token(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_made_once_for_its_owner_alone() {
        // Clients would be locked out by each restart, or other users let in.
        let folder = tempfile::tempdir().expect("a folder");
        let first = Token::of_folder(folder.path()).expect("a token");
        let again = Token::of_folder(folder.path()).expect("the same token");
        assert!(first.matches(&again.0) && first.0.len() == TOKEN_LETTERS);
        let mode = std::fs::metadata(token_path(folder.path())).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = Token::of_folder(tempfile::tempdir().expect("a folder").path()).expect("a token");
        assert!(!first.matches(&other.0) && !first.matches("") && !first.matches(&first.0[1..]));
    }

    #[test]
    fn a_token_that_others_may_read_or_that_was_cut_is_refused() {
        // A token that leaked, or an empty one after a full disk, would open the engine to anybody.
        let folder = tempfile::tempdir().expect("a folder");
        let token = Token::of_folder(folder.path()).expect("a token");
        let path = token_path(folder.path());
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("a mode");
        assert!(matches!(Token::of_folder(folder.path()), Err(ApiError::Token { .. })));
        for text in ["", "\n", &token.0[1..]] {
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("a mode");
            assert!(matches!(Token::of_folder(folder.path()), Err(ApiError::Token { .. })), "{text:?}");
        }
    }
}
