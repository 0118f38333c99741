//! Goodput around a switch as a picture, drawn from the rows of a report: the same rows give the same bytes.
//!
//! Called by the page. One panel: the seconds before and after the switch, and what share of the requests that arrive then end well.

use std::fmt::Write as _;

use super::rows::{CURVE_FROM_S, CURVE_TO_S, curve_metric};
use crate::report::{OURS, Report};

/// The picture's name beside the page.
pub const FILE: &str = "massive-failure-switch.svg";
/// The case that is drawn.
const CASE: &str = "switch80, uniform, tight, load 0.7";

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 58.0;
const TOP: f64 = 40.0;
const PANEL_WIDTH: f64 = 590.0;
const PANEL_HEIGHT: f64 = 300.0;
/// Where the names stand.
const LEGEND: f64 = LEFT + PANEL_WIDTH + 24.0;
/// The vertical axis ends here, in percent: a little room above what can be reached.
const PERCENT_MAX: f64 = 105.0;

/// Who is drawn, and how: ours in front, defaults of proxies left out because they lie on the floor together.
const CURVES: [(&str, &str); 8] = [
    ("oracle", "c5 dash"),
    ("direct-random", "c5"),
    ("haproxy-tuned", "c4"),
    ("tower-resilience", "c6"),
    ("envoy-tuned", "c2"),
    ("nginx-tuned", "c1"),
    ("homeostat-gateway", "c3 dash"),
    (OURS, "c3"),
];

/// Colours that can be told apart on white and on black, and by people who see fewer of them.
const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:13px}.axis{stroke:#57606a}\
.grid{stroke:#d0d7de;stroke-width:.6}.switch{stroke:#cc3311;stroke-dasharray:3 3}\
polyline{fill:none;stroke-width:2}.dash{stroke-dasharray:5 4}\
.c1{stroke:#ee7733}.c2{stroke:#009988}.c3{stroke:#0077bb;stroke-width:2.6}.c4{stroke:#aa3377}.c5{stroke:#7d8590}\
.c6{stroke:#999933}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.axis{stroke:#8b949e}.grid{stroke:#30363d}.switch{stroke:#ff7b6b}\
.c1{stroke:#ffa657}.c2{stroke:#2fc9b4}.c3{stroke:#58a6ff}.c4{stroke:#e377c2}.c6{stroke:#d2c057}}";

/// The picture, if the report has the curve of ours.
pub fn draw(report: &Report) -> Option<String> {
    if points(report, OURS).len() < 2 {
        return None;
    }
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"Goodput around a switch of the healthy endpoints\">\n<style>{STYLE}</style>"
    );
    frame(&mut svg);
    let drawn = CURVES.iter().filter(|(subject, _)| !points(report, subject).is_empty());
    for (place, (subject, style)) in drawn.enumerate() {
        let path: Vec<String> = points(report, subject)
            .iter()
            .map(|(second, percent)| format!("{:.1},{:.1}", across(*second), down(*percent)))
            .collect();
        let _ = writeln!(svg, "<polyline class=\"{style}\" points=\"{}\"/>", path.join(" "));
        let y = TOP + 18.0 + 20.0 * place as f64;
        let _ = writeln!(
            svg,
            "<polyline class=\"{style}\" points=\"{LEGEND:.1},{:.1} {:.1},{:.1}\"/><text x=\"{:.1}\" y=\"{y:.1}\">{subject}</text>",
            y - 4.0,
            LEGEND + 24.0,
            y - 4.0,
            LEGEND + 32.0
        );
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

fn points(report: &Report, subject: &str) -> Vec<(i64, f64)> {
    let value = |second: i64| {
        let metric = curve_metric(second);
        let row = report.rows.iter().find(|row| row.subject == subject && row.case == CASE && row.metric == metric)?;
        Some((second, row.median))
    };
    (CURVE_FROM_S..=CURVE_TO_S).filter_map(value).collect()
}

fn across(second: i64) -> f64 {
    LEFT + PANEL_WIDTH * (second - CURVE_FROM_S) as f64 / (CURVE_TO_S - CURVE_FROM_S) as f64
}

fn down(percent: f64) -> f64 {
    TOP + PANEL_HEIGHT * (1.0 - percent.clamp(0.0, PERCENT_MAX) / PERCENT_MAX)
}

fn frame(svg: &mut String) {
    let (right, bottom) = (LEFT + PANEL_WIDTH, TOP + PANEL_HEIGHT);
    let _ = writeln!(
        svg,
        "<text class=\"title\" x=\"{LEFT:.0}\" y=\"{:.0}\">Requests that end well within 5 s, percent of those that arrive then</text>",
        TOP - 14.0
    );
    for percent in [0.0, 20.0, 40.0, 60.0, 80.0, 100.0] {
        let y = down(percent);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT:.0}\" x2=\"{right:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{percent:.0}</text>",
            LEFT - 8.0,
            y + 4.0
        );
    }
    for second in (CURVE_FROM_S..=CURVE_TO_S).step_by(5) {
        let x = across(second);
        let _ = writeln!(
            svg,
            "<line class=\"{}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP:.0}\" y2=\"{bottom:.0}\"/>\
             <text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{second}</text>",
            if second == 0 { "switch" } else { "grid" },
            bottom + 16.0
        );
    }
    let _ = writeln!(
        svg,
        "<path class=\"axis\" fill=\"none\" d=\"M{LEFT:.0} {TOP:.0}V{bottom:.0}H{right:.0}\"/>\
         <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">seconds from the switch: two of ten endpoints work, and now it is \
         another two</text>",
        LEFT + PANEL_WIDTH / 2.0,
        bottom + 36.0
    );
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::machine::Machine;

    // Would break: the page without its picture, one that changes although no figure did, or an empty one.
    #[test]
    fn the_same_figures_draw_the_same_picture() {
        let mut report =
            Report::new("massive-failure", true, Machine::describe(std::path::Path::new("/"), BTreeMap::new()));
        assert!(draw(&report).is_none());
        for second in CURVE_FROM_S..=CURVE_TO_S {
            report.add(OURS, CASE, &curve_metric(second), "%", &[if second == 0 { 50.0 } else { 100.0 }]);
        }
        let svg = draw(&report).expect("there is a curve");
        assert_eq!(Some(&svg), draw(&report).as_ref());
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        // Half of what can be reached, where the switch is.
        assert!(svg.contains("156.3,197.1 "), "{svg}");
        assert!(!svg.contains("nginx"), "{svg}");
    }
}
