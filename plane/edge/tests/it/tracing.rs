//! Request ids and the trace context.

use crate::{direct, headers, text};
use homeostat_edge::trace::Parent;
use homeostat_edge::{Client, RequestId, Trace};
use homeostat_routing::settings;
use homeostat_vocabulary::quantity::Share;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn trusted() -> Client {
    Client { via_trusted: true, ..direct("10.0.0.1") }
}

fn never() -> settings::Trace {
    settings::Trace { sample: Share(0), ..settings::Trace::default() }
}

#[test]
fn an_id_is_kept_from_a_trusted_hop_alone() {
    // Would break: a stranger gives a thousand requests one id, or writes into logs and pages through it.
    let header = HeaderName::from_static("x-request-id");
    let id = |client: &Client, fields: &[(&str, &str)]| {
        RequestId::of(Some(&header), true, client, &headers(fields)).to_string()
    };
    let given = [("x-request-id", "7b1a-OK_1")];
    assert_eq!(id(&trusted(), &given), "7b1a-OK_1");
    assert_eq!(id(&direct("203.0.113.9"), &given).len(), 32);
    let sixty_five = "a".repeat(65);
    for bad in ["", " ", "a b", "a\tb", "<script>", "a\"b", "a,b", "a;b", "caf\u{e9}", &sixty_five] {
        let kept = id(&trusted(), &[("x-request-id", bad)]);
        assert!(kept.len() == 32 && kept.bytes().all(|byte| byte.is_ascii_hexdigit()), "{bad:?}");
    }
    assert_eq!(id(&trusted(), &[("x-request-id", "a"), ("x-request-id", "b")]).len(), 32);
    assert_ne!(RequestId::new(), RequestId::new());
    let value = RequestId::new().value();
    assert_eq!(value.len(), 32);
}

#[test]
fn traceparent_is_read_to_the_letter() {
    // Would break: a broken trace id goes on and every collector behind us refuses it.
    let parent = Parent::parse(GOOD.as_bytes()).unwrap();
    assert_eq!(
        (parent.trace_id, parent.span_id, parent.flags),
        (0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, 1)
    );
    assert_eq!(parent.value(), GOOD);
    for good in [
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes",
    ] {
        assert!(Parent::parse(good.as_bytes()).is_some(), "{good}");
    }
    for bad in [
        "",
        "00",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-001",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
        " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
    ] {
        assert!(Parent::parse(bad.as_bytes()).is_none(), "{bad}");
    }
}

#[test]
fn a_trace_goes_on_with_a_span_for_each_attempt() {
    // Would break: retries and hedges look like one call, or the trace is torn at the gateway.
    let mut sent = headers(&[("traceparent", GOOD), ("tracestate", "vendor=a b,t@sys=1")]);
    let trace = Trace::of(&never(), &trusted(), &mut sent);
    assert!(trace.sampled() && trace.parent == Some(0x00f0_67aa_0ba9_02b7));
    let (first, second) = (trace.child(), trace.child());
    assert_ne!(first.span_id, second.span_id);
    first.write(&mut sent);
    let written = Parent::parse(sent["traceparent"].as_bytes()).unwrap();
    assert_eq!((written.trace_id, written.span_id, written.flags), (trace.trace_id, first.span_id, 1));
    assert_eq!(text(&sent, "tracestate"), Some("vendor=a b,t@sys=1"));
}

#[test]
fn strangers_and_bad_state_do_not_steer_what_is_recorded() {
    // Would break: any client has all its requests recorded, or fills other people's headers.
    let mut sent = headers(&[("traceparent", GOOD)]);
    let trace = Trace::of(&never(), &direct("203.0.113.9"), &mut sent);
    assert!(!trace.sampled() && trace.trace_id == 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
    for bad in [
        "novalue",
        "a=1,a=2",
        "A=1",
        "a=b=c",
        "=1",
        "a=",
        "a@b@c=1",
        "a=\u{fc}",
        &"a=1,".repeat(40),
        &format!("a={}", "x".repeat(300)),
    ] {
        let mut sent = headers(&[("traceparent", GOOD), ("tracestate", bad)]);
        Trace::of(&never(), &trusted(), &mut sent);
        assert!(!sent.contains_key("tracestate"), "{bad:?} passed");
    }
    for orphan in [
        &[("tracestate", "a=1")][..],
        &[("traceparent", "junk"), ("tracestate", "a=1")],
        &[("traceparent", GOOD), ("traceparent", GOOD), ("tracestate", "a=1")],
    ] {
        let mut sent = headers(orphan);
        let trace = Trace::of(&never(), &trusted(), &mut sent);
        assert!(trace.parent.is_none() && !sent.contains_key("tracestate"), "{orphan:?}");
        trace.child().write(&mut sent);
        assert_eq!(sent.get_all("traceparent").iter().count(), 1);
    }
}

#[test]
fn a_trace_that_is_not_ours_to_touch_passes() {
    // Would break: `propagate = false` still replaces the caller's trace.
    let off = settings::Trace { propagate: false, ..never() };
    let mut sent = headers(&[("traceparent", "anything"), ("tracestate", "goes")]);
    Trace::of(&off, &trusted(), &mut sent).child().write(&mut sent);
    assert_eq!((text(&sent, "traceparent"), text(&sent, "tracestate")), (Some("anything"), Some("goes")));
}

proptest! {
    #[test]
    fn ids_and_traces_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), state in proptest::collection::vec(any::<u8>(), 0..80)) {
        // Would break: one odd header ends a worker; or what was read is not what is written.
        if let Some(parent) = Parent::parse(&bytes) {
            let again = Parent::parse(parent.value().as_bytes());
            prop_assert_eq!(again, Some(parent));
        }
        let _ = RequestId::parse(&bytes);
        let mut sent = HeaderMap::new();
        for (name, bytes) in [("traceparent", &bytes), ("tracestate", &state)] {
            if let Ok(value) = HeaderValue::from_bytes(bytes) {
                sent.append(name, value);
            }
        }
        let trace = Trace::of(&never(), &trusted(), &mut sent);
        prop_assert!(trace.trace_id != 0 && trace.span_id != 0);
    }
}
