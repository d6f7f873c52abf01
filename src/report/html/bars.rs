//! Things one below the other, as SVG: bars from zero, or dots on a logarithmic axis, each with its interval and a note.

use maud::{Markup, html};

use super::axis::{Axis, Scale};
use super::chart::colour;
use super::frame::px;

const WIDTH: f64 = 960.0;
const NAMES: f64 = 300.0;
const NOTES: f64 = 270.0;
const STEP: f64 = 24.0;
const TOP: f64 = 24.0;

/// The most characters of a name that have room; all of it shows where the pointer rests, and in the table.
const MOST: usize = 40;

/// One thing.
pub(super) struct Bar {
    pub(super) name: String,
    /// Things of one group stand together under its name.
    pub(super) group: String,
    pub(super) colour: usize,
    /// The figure; where there is none, the note says why.
    pub(super) value: Option<f64>,
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
    /// Whether it is a lower bound only: shown pale.
    pub(super) bound: bool,
    pub(super) note: String,
    /// What shows where the pointer rests.
    pub(super) label: String,
}

/// Draws `bars`; bars from zero on a linear scale, dots on a logarithmic one. `rule`: a value with a line of its own. Nothing is drawn where
/// nothing has a figure.
pub(super) fn render(title: &str, scale: Scale, show: fn(f64) -> String, rule: Option<f64>, bars: &[Bar]) -> Markup {
    let values = bars.iter().flat_map(|bar| [bar.value, bar.low, bar.high]).flatten().chain(rule);
    let Some(axis) = Axis::over(title, scale, values, show) else { return html! {} };
    let place = |value: f64| axis.place(value).map(|at| NAMES + at * (WIDTH - NAMES - NOTES));
    let groups: Vec<&[Bar]> = bars.chunk_by(|a, b| a.group == b.group).collect();
    let heads = groups.iter().filter(|group| !group[0].group.is_empty()).count();
    let bottom = TOP + (bars.len() + heads) as f64 * STEP;
    let mut y = TOP;
    let mut next = || {
        y += STEP;
        y - STEP
    };
    html! {
        div.wide {
            svg viewBox=(format!("0 0 {WIDTH} {}", bottom + 6.0)) role="img" aria-label=(title) {
                text.dim x="0" y="14" { (axis.title()) }
                @for (at, text) in spaced(&axis, &place) {
                    line.grid x1=(px(at)) x2=(px(at)) y1=(TOP - 4.0) y2=(bottom) {}
                    text.dim x=(px(at)) y="14" text-anchor="middle" { (text) }
                }
                @if let Some(at) = rule.and_then(&place) { line.mark x1=(px(at)) x2=(px(at)) y1=(TOP - 4.0) y2=(bottom) {} }
                @for group in groups {
                    @if !group[0].group.is_empty() { text.dim x="0" y=(px(next() + 16.0)) { (&group[0].group) } }
                    @for bar in group { (row(bar, next(), scale, &place)) }
                }
            }
        }
    }
}

/// The ticks whose words have room beside each other.
fn spaced(axis: &Axis, place: &dyn Fn(f64) -> Option<f64>) -> Vec<(f64, String)> {
    let mut kept: Vec<(f64, String)> = Vec::new();
    for (at, text) in axis.ticks() {
        if let Some(x) = place(at)
            && kept.last().is_none_or(|(last, _)| x - last > 62.0)
        {
            kept.push((x, text.to_owned()));
        }
    }
    kept
}

fn row(bar: &Bar, y: f64, scale: Scale, place: &dyn Fn(f64) -> Option<f64>) -> Markup {
    let middle = y + STEP / 2.0;
    let bound = if bar.bound { " bound" } else { "" };
    html! {
        g class=(colour(bar.colour)) {
            title { (&bar.label) }
            text x="8" y=(px(y + 16.0)) { (shortened(&bar.name)) }
            @if let Some(at) = bar.value.and_then(place) {
                @if scale != Scale::Log {
                    rect class=(format!("bar{bound}")) x=(NAMES) width=(px((at - NAMES).max(1.0))) y=(px(y + 5.0)) height=(STEP - 10.0) {}
                } @else {
                    circle class=(if bar.bound { "bound" } else { "dot" }) cx=(px(at)) cy=(px(middle)) r="4" {}
                }
            }
            @if let (Some(low), Some(high)) = (bar.low.and_then(place), bar.high.and_then(place)) {
                line.end x1=(px(low)) x2=(px(high)) y1=(px(middle)) y2=(px(middle)) {}
                @for end in [low, high] { line.end x1=(px(end)) x2=(px(end)) y1=(px(middle - 4.0)) y2=(px(middle + 4.0)) {} }
            }
            text x=(WIDTH - NOTES + 16.0) y=(px(y + 16.0)) { (&bar.note) }
        }
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}
