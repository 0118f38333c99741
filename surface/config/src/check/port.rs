//! Fixed ports: each can be had once.

use super::Judge;
use super::bound::listen_address;
use crate::code::Code;
use crate::problem::Problem;
use crate::say;
use crate::section::Service;
use crate::tree::Path;
use homeostat_routing::settings::Gateway;
use homeostat_vocabulary::Port;
use std::collections::BTreeMap;

pub fn check(judge: &mut Judge<'_>) {
    let document = judge.document;
    let mut taken: BTreeMap<u16, Path> = BTreeMap::new();
    if document.api.enabled
        && let Some(address) = listen_address(&document.api.listen)
    {
        taken.insert(address.port(), Path::of(&["api", "listen"]));
    }
    for (path, address) in document.gateway.iter().flat_map(gateway_addresses) {
        let Some(address) = listen_address(address).filter(|address| address.port() > 0) else { continue };
        match taken.get(&address.port()).filter(|first| first.0[0] != path.0[0]) {
            None => drop(taken.insert(address.port(), path)),
            Some(first) => {
                let message = say::port_taken(address.port(), first.to_string(), path.to_string());
                let owner = judge.tree.at(first).map(|node| node.place.clone());
                let problem = Problem::new(Code::PortTaken, message, say::choose_number());
                let problem =
                    problem.at(judge.place(&path), say::at_wanted_again()).also(owner, say::at_wanted_first());
                judge.report(path, problem);
            }
        }
    }
    for (name, service) in &document.services {
        for (path, port) in fixed_ports(name, service) {
            if let Some(first) = taken.get(&port) {
                let message = say::port_taken(port, first.to_string(), path.to_string());
                let owner = judge.tree.at(first).map(|node| node.place.clone());
                let problem = Problem::new(Code::PortTaken, message, say::choose_number_or_auto());
                let problem =
                    problem.at(judge.place(&path), say::at_wanted_again()).also(owner, say::at_wanted_first());
                judge.report(path, problem);
                continue;
            }
            taken.insert(port, path.clone());
            if service.instances > 1 && !judge.is_broken(&Path::of_service(name, &["instances"])) {
                let message = say::port_shared(service.instances, name, port);
                let count = judge.tree.at(&Path::of_service(name, &["instances"])).map(|node| node.place.clone());
                let problem = Problem::new(Code::PortShared, message, say::write_auto());
                let problem = problem.at(judge.place(&path), say::at_one_port()).also(count, say::at_instances());
                judge.report(path, problem);
            }
        }
    }
}

fn fixed_ports(name: &str, service: &Service) -> Vec<(Path, u16)> {
    let own = service.port.map(|port| (Path::of_service(name, &["port"]), port));
    let further = service.ports.iter().map(|(key, port)| (Path::of_service(name, &["ports", key]), *port));
    let all = own.into_iter().chain(further);
    all.filter_map(|(path, port)| if let Port::Fixed(number) = port.0 { Some((path, number)) } else { None }).collect()
}

/// Where the gateway listens, as it is written. That two listeners want the same is told by the gateway's own checks.
fn gateway_addresses(gateway: &Gateway) -> Vec<(Path, &str)> {
    let main = gateway.listen.iter().map(|address| (Path::of(&["gateway", "listen"]), address.as_str()));
    let further = gateway
        .listeners
        .iter()
        .map(|(name, listener)| (Path::of(&["gateway", "listeners", name, "address"]), listener.address.as_str()));
    main.chain(further).collect()
}
