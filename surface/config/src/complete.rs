//! What nobody wrote and follows from the rest: absolute folders, short forms written out, instances held within bounds.
//!
//! Done on the sections before the checks of meaning, so that what is checked, shown and used is one and the same.

use crate::place::Origin;
use crate::section::{Document, Health};
use crate::tree::{Node, Path};
use std::collections::BTreeMap;
use std::path::Path as FilePath;

/// Completes the sections; answers the origins of values that differ from what was written.
pub fn complete(document: &mut Document, tree: &Node, folder: &FilePath) -> BTreeMap<Path, Origin> {
    let mut held = BTreeMap::new();
    document.engine.data_folder = folder.join(&document.engine.data_folder).display().to_string();
    if document.decisions.ai {
        document.decisions.ai = false;
        let by = "the engine: no model takes part yet".to_owned();
        held.insert(Path::of(&["decisions", "ai"]), Origin::Held { by, declared: "true".to_owned() });
    }
    if let Some(gateway) = &mut document.gateway {
        gateway.place_files(folder, FilePath::new(&document.engine.data_folder));
    }
    let scaling = document.scaling.clone();
    for (name, service) in &mut document.services {
        let working_folder = service.working_folder.as_deref().unwrap_or_default();
        let absolute: std::path::PathBuf = folder.join(working_folder).components().collect();
        service.working_folder = Some(absolute.display().to_string());
        if let Some(health) = &mut service.health {
            complete_health(health);
        }
        let bounded = service.instances.max(scaling.instances_min).min(scaling.instances_max);
        if scaling.enabled && bounded != service.instances {
            let bound = if bounded > service.instances { "instances_min" } else { "instances_max" };
            let by = Path::of(&["scaling", bound]);
            let origin = tree.at(&by).map_or(Origin::Default, |node| Origin::from(&node.place));
            let by = format!("{by} ({origin})");
            let declared = service.instances.to_string();
            held.insert(Path::of_service(name, &["instances"]), Origin::Held { by, declared });
            service.instances = bounded;
        }
    }
    held
}

fn complete_health(health: &mut Health) {
    health.timeout = health.timeout.or(Some(Health::TIMEOUT.min(health.interval)));
    if let Some(url) = &mut health.http {
        if url.starts_with('/') {
            *url = format!("http://127.0.0.1:{{port}}{url}");
        }
        *url = with_port_and_path(url);
    }
    if let Some(address) = health.tcp.as_mut().filter(|address| is_only_port(address)) {
        *address = format!("127.0.0.1:{address}");
    }
}

/// `http://host` is `http://host:80/`; probes are given the long form.
fn with_port_and_path(url: &str) -> String {
    let Some(rest) = url.strip_prefix("http://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    // The colon of {port:NAME} is none of the address.
    let outside = authority.split('{').map(|part| part.rsplit('}').next().unwrap_or_default());
    let has_port = if authority.starts_with('[') {
        authority.contains("]:")
    } else {
        outside.into_iter().any(|part| part.contains(':'))
    };
    let port = if has_port || authority.is_empty() { "" } else { ":80" };
    let path = if path.is_empty() { "/" } else { path };
    format!("http://{authority}{port}{path}")
}

fn is_only_port(address: &str) -> bool {
    let number = !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_digit());
    let placeholder = address.starts_with("{port") && address.ends_with('}') && address.matches('{').count() == 1;
    number || placeholder
}
