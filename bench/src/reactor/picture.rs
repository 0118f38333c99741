//! The degradation as a picture and a table, drawn from the rows of a report: the same rows give the same bytes.
//!
//! Called by the page. Two panels share the horizontal axis: what comes out in all, and what comes out of each class.

use std::fmt::Write as _;

use homeostat_reactor::Class;

use super::degrade::{GOODPUT, LOADS, SINGLE, VALUE, case_of, handled_of};
use crate::report::{OURS, Report, Row};

/// The picture's name beside the page.
pub const FILE: &str = "reactor-degradation.svg";

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 400.0;
const PANEL_WIDTH: f64 = 340.0;
const PANEL_HEIGHT: f64 = 240.0;
const TOP: f64 = 56.0;
const LEFTS: [f64; 2] = [58.0, 488.0];
/// The vertical axis ends here, in percent: a little room above what can be reached.
const PERCENT_MAX: f64 = 110.0;

/// Colours that can be told apart on white and on black, and by people who see fewer of them.
const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:13px}.axis{stroke:#57606a}\
.grid{stroke:#d0d7de;stroke-width:.6}polyline{fill:none;stroke-width:2}.dash{stroke-dasharray:5 4}\
.c0{stroke:#cc3311;fill:#cc3311}.c1{stroke:#ee7733;fill:#ee7733}.c2{stroke:#009988;fill:#009988}\
.c3{stroke:#0077bb;fill:#0077bb}.c4{stroke:#aa3377;fill:#aa3377}.c5{stroke:#7d8590;fill:#7d8590}\
polyline.c0,polyline.c1,polyline.c2,polyline.c3,polyline.c4,polyline.c5{fill:none}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.axis{stroke:#8b949e}.grid{stroke:#30363d}\
.c0{stroke:#ff7b6b;fill:#ff7b6b}.c3{stroke:#58a6ff;fill:#58a6ff}.c4{stroke:#e377c2;fill:#e377c2}\
.c2{stroke:#2fc9b4;fill:#2fc9b4}.c1{stroke:#ffa657;fill:#ffa657}\
polyline.c0,polyline.c1,polyline.c2,polyline.c3,polyline.c4,polyline.c5{fill:none}}";

/// One line of a panel.
struct Curve {
    label: String,
    style: &'static str,
    /// Load and percent.
    points: Vec<(f64, f64)>,
}

/// Whether a row is part of the picture and its table.
pub fn draws(row: &Row) -> bool {
    LOADS.into_iter().any(|load| row.case == case_of(load))
}

/// The picture, if the report has a degradation.
pub fn draw(report: &Report) -> Option<String> {
    let curve = |label: &str, style, subject: &str, metric: &str| Curve {
        label: label.to_owned(),
        style,
        points: points(report, subject, metric),
    };
    let all = [
        curve("homeostat: events handled, of capacity", "c3", OURS, GOODPUT),
        curve("homeostat: weight handled, of offered", "c2", OURS, VALUE),
        curve("single queue: events handled, of capacity", "c5", SINGLE, GOODPUT),
        curve("single queue: weight handled, of offered", "c5 dash", SINGLE, VALUE),
    ];
    let styles = ["c0", "c1", "c2", "c3", "c4"];
    let mut classes: Vec<Curve> = Class::ALL
        .iter()
        .zip(styles)
        .map(|(class, style)| curve(class.name(), style, OURS, &handled_of(*class)))
        .collect();
    classes.push(curve("critical, one queue", "c5 dash", SINGLE, &handled_of(Class::Critical)));
    if all[0].points.len() < 2 {
        return None;
    }
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"What is handled as the offered load grows\">\n<style>{STYLE}</style>"
    );
    panel(&mut svg, LEFTS[0], "In all, percent", &all);
    panel(&mut svg, LEFTS[1], "By class: handled, percent of offered", &classes);
    svg.push_str("</svg>\n");
    Some(svg)
}

fn points(report: &Report, subject: &str, metric: &str) -> Vec<(f64, f64)> {
    let value = |load: f64| {
        let case = case_of(load);
        let row = report.rows.iter().find(|row| row.subject == subject && row.case == case && row.metric == metric)?;
        row.median.is_finite().then_some((load, row.median))
    };
    LOADS.into_iter().filter_map(value).collect()
}

/// The load on a logarithmic axis, as doubling is what matters.
fn across(left: f64, load: f64) -> f64 {
    let (first, last) = (LOADS[0], LOADS[LOADS.len() - 1]);
    left + PANEL_WIDTH * (load / first).ln() / (last / first).ln()
}

fn down(percent: f64) -> f64 {
    TOP + PANEL_HEIGHT * (1.0 - percent.clamp(0.0, PERCENT_MAX) / PERCENT_MAX)
}

fn panel(svg: &mut String, left: f64, title: &str, curves: &[Curve]) {
    let (right, bottom) = (left + PANEL_WIDTH, TOP + PANEL_HEIGHT);
    let _ = writeln!(svg, "<text class=\"title\" x=\"{left:.0}\" y=\"{:.0}\">{title}</text>", TOP - 14.0);
    for percent in [0.0, 25.0, 50.0, 75.0, 100.0] {
        let y = down(percent);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{left:.0}\" x2=\"{right:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{percent:.0}</text>",
            left - 8.0,
            y + 4.0
        );
    }
    for load in LOADS {
        let x = across(left, load);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP:.0}\" y2=\"{bottom:.0}\"/>\
             <text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{load}</text>",
            bottom + 16.0
        );
    }
    let _ = writeln!(
        svg,
        "<path class=\"axis\" fill=\"none\" d=\"M{left:.0} {TOP:.0}V{bottom:.0}H{right:.0}\"/>\
         <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">offered load, multiples of capacity</text>",
        left + PANEL_WIDTH / 2.0,
        bottom + 34.0
    );
    for curve in curves {
        draw_curve(svg, left, curve);
    }
    legend(svg, left, bottom + 50.0, curves);
}

fn draw_curve(svg: &mut String, left: f64, curve: &Curve) {
    let path: Vec<String> = curve
        .points
        .iter()
        .map(|(load, percent)| format!("{:.1},{:.1}", across(left, *load), down(*percent)))
        .collect();
    let _ = writeln!(svg, "<polyline class=\"{}\" points=\"{}\"/>", curve.style, path.join(" "));
    let colour = curve.style.split(' ').next().unwrap_or_default();
    for (load, percent) in &curve.points {
        let (x, y) = (across(left, *load), down(*percent));
        let _ = writeln!(svg, "<circle class=\"{colour}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.4\"/>");
    }
}

/// Two columns below the axis.
fn legend(svg: &mut String, left: f64, top: f64, curves: &[Curve]) {
    let columns = if curves.len() > 4 { 3 } else { 1 };
    let wide = PANEL_WIDTH / f64::from(columns);
    for (curve, place) in curves.iter().zip(0..) {
        let x = left + wide * f64::from(place % columns);
        let y = top + 14.0 * f64::from(place / columns);
        let _ = writeln!(
            svg,
            "<polyline class=\"{}\" points=\"{x:.1},{:.1} {:.1},{:.1}\"/><text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            curve.style,
            y - 4.0,
            x + 20.0,
            y - 4.0,
            x + 26.0,
            curve.label
        );
    }
}

/// The same figures as a table, one line a load.
pub fn table(report: &Report) -> String {
    let mut text = String::from("| offered | subject | handled, of capacity | weight handled, of offered |");
    for class in Class::ALL {
        let _ = write!(text, " {class} |");
    }
    text.push_str("\n|---:|---|---:|---:|");
    text.push_str(&"---:|".repeat(Class::COUNT));
    text.push('\n');
    for load in LOADS {
        for subject in [OURS, SINGLE] {
            let cell = |metric: &str| {
                let case = case_of(load);
                let row =
                    report.rows.iter().find(|row| row.subject == subject && row.case == case && row.metric == metric);
                row.map_or_else(|| " not run |".to_owned(), |row| format!(" {:.1} % |", row.median))
            };
            let _ = write!(text, "| {load}x | {subject} |{}{}", cell(GOODPUT), cell(VALUE));
            Class::ALL.iter().for_each(|class| text.push_str(&cell(&handled_of(*class))));
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use std::collections::BTreeMap;

    fn report() -> Report {
        let machine = Machine::describe(std::path::Path::new("/"), BTreeMap::new());
        let mut report = Report::new("reactor", true, machine);
        for load in LOADS {
            report.add(OURS, &case_of(load), GOODPUT, "%", &[load.min(1.0) * 99.0]);
            report.add(OURS, &case_of(load), &handled_of(Class::Bulk), "%", &[100.0 / load.max(1.0)]);
        }
        report
    }

    // Would break: the page without its picture, or one that changes although no figure did.
    #[test]
    fn the_same_figures_draw_the_same_picture() {
        let svg = draw(&report()).expect("there is a degradation");
        assert_eq!(Some(&svg), draw(&report()).as_ref());
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<svg").count(), 1);
        // Half the load at the left edge of the first panel, at 49.5 percent.
        assert!(svg.contains("points=\"58.0,188.0 "), "{svg}");
        assert!(report().rows.iter().all(draws));
    }

    // Would break: a page that shows an empty picture after a run that had none.
    #[test]
    fn nothing_is_drawn_of_nothing() {
        let machine = Machine::describe(std::path::Path::new("/"), BTreeMap::new());
        assert!(draw(&Report::new("journal", true, machine)).is_none());
    }

    // Would break: a table whose missing points read as figures.
    #[test]
    fn a_missing_point_is_said_to_be_missing() {
        let table = table(&report());
        assert!(table.contains("| 10x | homeostat | 99.0 % | not run |"), "{table}");
        assert!(table.contains("| 10.0 % |"), "{table}");
    }
}
