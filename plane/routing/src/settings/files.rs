//! Where the files of a gateway lie: what was written relative begins at the folder of the configuration, and what was not written lies in
//! the data folder. Called once when a configuration is read; joins names, and looks at no file.

use super::Gateway;
use std::path::Path;

/// The socket for orders, in the data folder.
const SOCKET: &str = "gateway.sock";
/// The log of requests, in the data folder.
const ACCESS_LOG: &str = "access.log";
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
}
