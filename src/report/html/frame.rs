//! The frame that charts with two axes are drawn in: where values lie in it, and its axes.

use maud::{Markup, html};

use super::axis::Axis;

pub(super) const WIDTH: f64 = 760.0;
pub(super) const HEIGHT: f64 = 320.0;
pub(super) const LEFT: f64 = 76.0;
pub(super) const RIGHT: f64 = 20.0;
pub(super) const TOP: f64 = 22.0;
pub(super) const BOTTOM: f64 = 44.0;

/// What the drawing shows.
pub(super) fn view() -> String {
    format!("0 0 {WIDTH} {HEIGHT}")
}

/// A length in the drawing, to a tenth.
pub(super) fn px(at: f64) -> String {
    format!("{at:.1}")
}

/// Where `value` of the level axis lies.
pub(super) fn x_of(x: &Axis, value: f64) -> Option<f64> {
    Some(LEFT + x.place(value)? * (WIDTH - LEFT - RIGHT))
}

/// Where `value` of the upright axis lies.
pub(super) fn y_of(y: &Axis, value: f64) -> Option<f64> {
    Some(HEIGHT - BOTTOM - y.place(value)? * (HEIGHT - TOP - BOTTOM))
}

/// Both axes with their ticks, lines and titles.
pub(super) fn axes(x: &Axis, y: &Axis) -> Markup {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    html! {
        @for (at, text) in y.ticks() {
            @if let Some(y) = y_of(y, at) {
                line.grid x1=(LEFT) x2=(right) y1=(px(y)) y2=(px(y)) {}
                text.dim x=(LEFT - 6.0) y=(px(y + 4.0)) text-anchor="end" { (text) }
            }
        }
        @for (at, text) in x.ticks() {
            @if let Some(x) = x_of(x, at) {
                line.axis x1=(px(x)) x2=(px(x)) y1=(bottom) y2=(bottom + 4.0) {}
                text.dim x=(px(x)) y=(bottom + 18.0) text-anchor="middle" { (text) }
            }
        }
        line.axis x1=(LEFT) x2=(right) y1=(bottom) y2=(bottom) {}
        text.dim x=(LEFT - 6.0) y="11" text-anchor="start" { (y.title()) }
        text.dim x=(right) y=(HEIGHT - 6.0) text-anchor="end" { (x.title()) }
    }
}
