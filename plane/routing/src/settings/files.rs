//! Where the files of a gateway lie: what was written relative begins at the folder of the configuration, and what was not written lies in
//! the data folder. Called once when a configuration is read, and by whoever checks it; joins and lists names, and looks at no file.

use super::Gateway;
use std::path::Path;

/// The socket for orders, in the data folder.
const SOCKET: &str = "gateway.sock";
/// The log of requests, in the data folder.
const ACCESS_LOG: &str = "access.log";
/// Further certificates of a listener that are looked at: more names than these have a certificate for all of them.
const FURTHER_MAX: usize = 1_000;
/// What stands for standard output instead of a file.
pub const STANDARD_OUTPUT: &str = "-";

impl Gateway {
    /// Makes the names of all files absolute.
    pub fn place_files(&mut self, folder: &Path, data_folder: &Path) {
        let place = |file: &mut String| {
            if !file.is_empty() {
                *file = folder.join(&*file).display().to_string();
            }
        };
        for tls in self.listeners.values_mut().filter_map(|listener| listener.tls.as_mut()) {
            let own = [Some(&mut tls.certificate), Some(&mut tls.key), tls.client_authorities.as_mut()];
            own.into_iter().flatten().for_each(place);
            tls.more.iter_mut().flat_map(|more| [&mut more.certificate, &mut more.key]).for_each(place);
        }
        for tls in self.upstreams.values_mut().filter_map(|upstream| upstream.tls.as_mut()) {
            let all = [tls.authorities.as_mut(), tls.certificate.as_mut(), tls.key.as_mut()];
            all.into_iter().flatten().for_each(place);
        }
        for auth in self.auth.values_mut() {
            auth.jwt.iter_mut().filter_map(|jwt| jwt.jwks_file.as_mut()).for_each(place);
            auth.api_keys.iter_mut().map(|keys| &mut keys.file).for_each(place);
        }
        let usual = |name: &str| data_folder.join(name).display().to_string();
        let log = self.access_log.file.get_or_insert_with(|| usual(ACCESS_LOG));
        if log != STANDARD_OUTPUT {
            place(log);
        }
        place(self.control.socket.get_or_insert_with(|| usual(SOCKET)));
    }

    /// The files that are read when it starts, each with its way below `gateway`. What names none is left out.
    #[must_use]
    pub fn files_read(&self) -> Vec<(Vec<String>, &str)> {
        let mut found: Vec<(Vec<&str>, Option<&String>)> = Vec::new();
        let more: Vec<String> = (0..FURTHER_MAX).map(|index| index.to_string()).collect();
        for (name, listener) in &self.listeners {
            let Some(tls) = &listener.tls else { continue };
            let below = |key: &'static str| vec!["listeners", name.as_str(), "tls", key];
            found.push((below("certificate"), Some(&tls.certificate)));
            found.push((below("key"), Some(&tls.key)));
            found.push((below("client_authorities"), tls.client_authorities.as_ref()));
            for (index, further) in more.iter().zip(&tls.more) {
                let below = |key: &'static str| vec!["listeners", name.as_str(), "tls", "more", index.as_str(), key];
                found.push((below("certificate"), Some(&further.certificate)));
                found.push((below("key"), Some(&further.key)));
            }
        }
        for (name, upstream) in &self.upstreams {
            let Some(tls) = &upstream.tls else { continue };
            let all = [("authorities", &tls.authorities), ("certificate", &tls.certificate), ("key", &tls.key)];
            found.extend(all.map(|(key, file)| (vec!["upstreams", name, "tls", key], file.as_ref())));
        }
        for (name, auth) in &self.auth {
            let jwks = auth.jwt.as_ref().and_then(|jwt| jwt.jwks_file.as_ref());
            found.push((vec!["auth", name, "jwt", "jwks_file"], jwks));
            found.push((vec!["auth", name, "api_keys", "file"], auth.api_keys.as_ref().map(|keys| &keys.file)));
        }
        let named = found.into_iter().filter_map(|(way, file)| Some((way, file.filter(|file| !file.is_empty())?)));
        named.map(|(way, file)| (way.into_iter().map(str::to_owned).collect(), file.as_str())).collect()
    }
}
