//! Attempts that were refused and so reached no backend, as the proxies' own books have them: nginx's error log, the statistics of
//! HAProxy, Envoy and the gateway. Without them a proxy that hammers at closed doors would look frugal.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::ProxyKind;
use crate::massive::ledger::Sent;

/// How long a proxy may take to tell its statistics.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads the books of a proxy that still runs.
pub fn read(kind: ProxyKind, folder: &Path, admin: u16) -> Result<Sent> {
    Ok(match kind {
        ProxyKind::Nginx | ProxyKind::NginxTuned => {
            let log = std::fs::read_to_string(folder.join("error.log")).unwrap_or_default();
            Sent { refused: log.matches("connect() failed (111").count() as u64, ..Sent::default() }
        }
        ProxyKind::Haproxy | ProxyKind::HaproxyTuned => {
            let mut socket = UnixStream::connect(folder.join("stats.sock")).context("asking HAProxy")?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.write_all(b"show stat\n")?;
            let mut text = String::new();
            socket.read_to_string(&mut text)?;
            Sent { in_all: haproxy_attempts(&text), ..Sent::default() }
        }
        ProxyKind::Envoy | ProxyKind::EnvoyTuned => {
            let text = page(admin, "/stats?filter=cluster.documents.upstream_cx_connect_fail")?;
            Sent { refused: envoy_refused(&text), ..Sent::default() }
        }
        ProxyKind::Gateway | ProxyKind::GatewayTuned => {
            Sent { refused: gateway_refused(&page(admin, "/metrics")?), ..Sent::default() }
        }
    })
}

/// A page of a proxy that tells its statistics over HTTP.
fn page(port: u16, path: &str) -> Result<String> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("asking for statistics")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    write!(socket, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    socket.read_to_string(&mut text)?;
    Ok(text)
}

/// Requests that went to the backends, and all that was tried again: from HAProxy's table, whose first line names the columns.
fn haproxy_attempts(text: &str) -> Option<u64> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next()?.trim_start_matches("# ").split(',').collect();
    let row = lines.map(|line| line.split(',').collect::<Vec<_>>());
    let row = row.into_iter().find(|row| row.first() == Some(&"documents") && row.get(1) == Some(&"BACKEND"))?;
    let value = |name: &str| -> Option<u64> { row.get(names.iter().position(|one| *one == name)?)?.parse().ok() };
    Some(value("stot")? + value("wretr")? + value("wredis")?)
}

fn envoy_refused(text: &str) -> u64 {
    let lines = text.lines().filter_map(|line| line.strip_prefix("cluster.documents.upstream_cx_connect_fail:"));
    lines.filter_map(|value| value.trim().parse::<u64>().ok()).sum()
}

/// Connections that could not be opened, whatever the endpoint.
fn gateway_refused(text: &str) -> u64 {
    let ours =
        |line: &&str| line.starts_with("gateway_endpoint_connections_total{") && line.contains(r#"event="refused""#);
    let values = text.lines().filter(ours).filter_map(|line| line.rsplit(' ').next());
    values.filter_map(|value| value.trim().parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Would break: a proxy's attempts that are not counted, or not all of them.
    #[test]
    fn attempts_are_read_from_the_books() {
        let table = "# pxname,svname,stot,wretr,wredis,\nentrance,FRONTEND,9,,,\ndocuments,endpoint-0,4,1,1,\ndocuments,BACKEND,10,3,2,\n";
        assert_eq!(haproxy_attempts(table), Some(15));
        assert_eq!(haproxy_attempts(""), None);
        assert_eq!(envoy_refused("HTTP/1.1 200 OK\r\n\r\ncluster.documents.upstream_cx_connect_fail: 7\n"), 7);
        let metrics = "gateway_endpoint_connections_total{upstream=\"d\",endpoint=\"a\",event=\"refused\"} 3\n\
                       gateway_endpoint_connections_total{upstream=\"d\",endpoint=\"a\",event=\"opened\"} 9\n\
                       gateway_endpoint_connections_total{upstream=\"d\",endpoint=\"b\",event=\"refused\"} 4\n";
        assert_eq!(gateway_refused(metrics), 7);
    }
}
