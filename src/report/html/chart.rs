//! Charts with two axes, as SVG: lines or dots with their intervals, limits, and a legend. Values show where the pointer rests.

use std::fmt::Write;

use maud::{Markup, html};

use super::axis::Axis;
use super::frame::{self, BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, px};

/// A value, with its interval where it has one.
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
    /// Whether it is a bound only: shown hollow, and [`Chart::hollow`] says which.
    pub(super) bound: bool,
    /// What shows where the pointer rests.
    pub(super) label: String,
}

/// Values that belong together.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) colour: usize,
    pub(super) dash: usize,
    /// What of it is drawn.
    pub(super) style: Style,
    pub(super) points: Vec<Point>,
}

/// What of a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A line through dots.
    Line,
    /// Dots alone.
    Dots,
    /// A line alone, for a model.
    Curve,
}

/// A limit, or a span between two, on one axis.
pub(super) enum Mark {
    /// A limit on the upright axis.
    Level(f64, String),
    /// A span on the level axis.
    Span(f64, f64, String),
    /// A place on the level axis.
    Place(f64, String),
}

/// One chart.
pub(super) struct Chart {
    pub(super) name: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    pub(super) marks: Vec<Mark>,
    /// What a hollow dot means.
    pub(super) hollow: &'static str,
}

impl Chart {
    /// The chart with its legend.
    pub(super) fn render(&self) -> Markup {
        html! {
            @if self.series.len() > 1 || self.series.iter().any(|series| series.points.iter().any(|point| point.bound)) {
                (self.legend())
            }
            div.wide {
                svg viewBox=(frame::view()) role="img" aria-label=(&self.name) {
                    (frame::axes(&self.x, &self.y))
                    @for mark in &self.marks { (self.mark(mark)) }
                    @for series in &self.series { (self.one(series)) }
                }
            }
        }
    }

    fn legend(&self) -> Markup {
        let hollow = self.series.iter().any(|series| series.points.iter().any(|point| point.bound));
        html! {
            ul.legend {
                @for series in &self.series {
                    li class=(colour(series.colour)) {
                        svg viewBox="0 0 26 10" aria-hidden="true" {
                            @if series.style != Style::Dots { path class=(line(series.dash)) d="M0 5H26" {} }
                            @if series.style != Style::Curve { circle.dot cx="13" cy="5" r="3" {} }
                        }
                        (&series.name)
                    }
                }
                @if hollow { li { "○ " (self.hollow) } }
            }
        }
    }

    fn mark(&self, mark: &Mark) -> Markup {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let middle = |x: f64| if x > WIDTH / 2.0 { "end" } else { "start" };
        html! {
            @match mark {
                Mark::Level(at, label) => { @if let Some(y) = self.y_of(*at) {
                    line.mark x1=(LEFT) x2=(right) y1=(px(y)) y2=(px(y)) { title { (label) } }
                    text x=(LEFT + 6.0) y=(px(y - 5.0)) { (label) }
                } }
                Mark::Span(from, to, label) => { @if let (Some(from), Some(to)) = (self.x_of(*from), self.x_of(*to)) {
                    rect.span x=(px(from)) width=(px((to - from).max(2.0))) y=(TOP) height=(bottom - TOP) { title { (label) } }
                    text x=(px(from)) y=(TOP + 12.0) text-anchor=(middle(from)) { (label) }
                } }
                Mark::Place(at, label) => { @if let Some(x) = self.x_of(*at) {
                    line.mark x1=(px(x)) x2=(px(x)) y1=(TOP) y2=(bottom) { title { (label) } }
                    text x=(px(x)) y=(TOP + 12.0) text-anchor=(middle(x)) { (label) }
                } }
            }
        }
    }

    fn one(&self, series: &Series) -> Markup {
        let shown: Vec<(f64, f64, &Point)> =
            series.points.iter().filter_map(|point| Some((self.x_of(point.x)?, self.y_of(point.y)?, point))).collect();
        let ends = |point: &Point| {
            let (low, high) = (point.low.and_then(|low| self.y_of(low))?, point.high.and_then(|high| self.y_of(high))?);
            Some((low, high))
        };
        let band = (series.style == Style::Line).then(|| band(&shown, &ends)).flatten();
        html! {
            g class=(colour(series.colour)) {
                @if let Some(band) = band { path.band d=(band) {} }
                @if series.style != Style::Dots { path class=(line(series.dash)) d=(through(&shown)) {} }
                @if series.style != Style::Curve {
                    @for (x, y, point) in &shown {
                        @if let Some((low, high)) = ends(point) {
                            line.whisker x1=(px(*x)) x2=(px(*x)) y1=(px(low)) y2=(px(high)) {}
                        }
                        circle class=(if point.bound { "bound" } else { "dot" }) cx=(px(*x)) cy=(px(*y)) r="3.5" {
                            title { (&point.label) }
                        }
                    }
                }
            }
        }
    }

    fn x_of(&self, value: f64) -> Option<f64> {
        frame::x_of(&self.x, value)
    }

    fn y_of(&self, value: f64) -> Option<f64> {
        frame::y_of(&self.y, value)
    }
}

/// The class of the `n`-th colour.
pub(super) fn colour(n: usize) -> String {
    format!("c{}", n % 7)
}

fn line(dash: usize) -> String {
    format!("line d{}", dash % 3)
}

fn through(shown: &[(f64, f64, &Point)]) -> String {
    let mut path = String::new();
    for (n, (x, y, _)) in shown.iter().enumerate() {
        let _ = write!(path, "{}{x:.1} {y:.1}", if n == 0 { 'M' } else { 'L' });
    }
    path
}

/// The area between the ends of the intervals, as far as neighbours have them from the start on.
fn band(shown: &[(f64, f64, &Point)], ends: &dyn Fn(&Point) -> Option<(f64, f64)>) -> Option<String> {
    let known: Vec<(f64, f64, f64)> =
        shown.iter().map_while(|(x, _, point)| ends(point).map(|(low, high)| (*x, low, high))).collect();
    if known.len() < 2 {
        return None;
    }
    let mut path = String::new();
    let there = known.iter().map(|(x, low, _)| (x, low));
    let back = known.iter().rev().map(|(x, _, high)| (x, high));
    for (n, (x, y)) in there.chain(back).enumerate() {
        let _ = write!(path, "{}{x:.1} {y:.1}", if n == 0 { 'M' } else { 'L' });
    }
    path.push('Z');
    Some(path)
}
