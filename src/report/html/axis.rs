//! Axes: which span of values a chart shows, where a value lies on it, and which values are written beside it.

/// How values are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Evenly, from zero.
    Linear,
    /// Evenly, from zero, in steps that are round numbers of KiB, MiB and so on.
    Bytes,
    /// By their logarithm: only values above zero have a place.
    Log,
}

/// One axis.
pub(super) struct Axis {
    title: String,
    scale: Scale,
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis on which all of `values` have a place; `show` writes its ticks. `None` where no value can be shown.
    pub(super) fn over(
        title: &str,
        scale: Scale,
        values: impl IntoIterator<Item = f64>,
        show: impl Fn(f64) -> String,
    ) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|value| value.is_finite() && (scale != Scale::Log || *value > 0.0)) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            return None;
        }
        let places = match scale {
            Scale::Linear => linear(low.min(0.0), high),
            Scale::Bytes => {
                let unit = 1024f64.powf(high.max(1.0).log(1024.0).floor());
                linear(low.min(0.0) / unit, high / unit).into_iter().map(|at| at * unit).collect()
            }
            Scale::Log => logarithmic(low, high),
        };
        let (low, high) = (places[0], places[places.len() - 1]);
        let every = places.len().div_ceil(10);
        let ticks = places.iter().step_by(every).map(|at| (*at, show(*at))).collect();
        Some(Self { title: title.to_owned(), scale, low, high, ticks })
    }

    /// The same axis with `ticks` instead of its own.
    pub(super) fn with_ticks(mut self, ticks: Vec<(f64, String)>) -> Self {
        self.ticks = ticks;
        self
    }

    /// The same axis from exactly `low` to `high`.
    pub(super) fn within(mut self, low: f64, high: f64) -> Self {
        (self.low, self.high) = (low, high);
        self
    }

    /// What it shows.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// Values and how they are written, as far as they lie on the axis.
    pub(super) fn ticks(&self) -> impl Iterator<Item = (f64, &str)> {
        let inside = |at: f64| self.place(at).is_some_and(|place| (-1e-9..=1.0 + 1e-9).contains(&place));
        self.ticks.iter().filter(move |(at, _)| inside(*at)).map(|(at, text)| (*at, text.as_str()))
    }

    /// Where `value` lies: 0 at the low end, 1 at the high one. `None` where it has no place.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let of = |value: f64| match self.scale {
            Scale::Linear | Scale::Bytes => Some(value),
            Scale::Log => (value > 0.0).then(|| value.ln()),
        };
        let (low, high, at) = (of(self.low)?, of(self.high)?, of(value)?);
        let place = if high > low { (at - low) / (high - low) } else { 0.5 };
        place.is_finite().then_some(place)
    }
}

/// Multiples of 1, 2 or 5 times a power of ten around `low` and `high`.
fn linear(low: f64, high: f64) -> Vec<f64> {
    let span = if high > low { high - low } else { 1.0 };
    let power = 10f64.powf((span / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| span / step <= 6.0);
    let step = step.unwrap_or(10.0 * power);
    let (first, last) = ((low / step).floor(), (high / step).ceil().max((low / step).floor() + 1.0));
    (0..=(last - first) as u32).map(|n| (first + f64::from(n)) * step).collect()
}

/// 1, 2 and 5 times powers of ten around `low` and `high`, the powers alone where they are many.
fn logarithmic(low: f64, high: f64) -> Vec<f64> {
    let wide = high / low > 2_000.0;
    let steps: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32 + 1;
    let all: Vec<f64> = decades.flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power))).collect();
    let first = all.iter().rposition(|at| *at <= low * (1.0 + 1e-9)).unwrap_or(0);
    let last = all.iter().position(|at| *at >= high * (1.0 - 1e-9)).unwrap_or(all.len() - 1);
    all[first..=last.max(first + 1).min(all.len() - 1)].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_value_has_a_place_within(values in prop::collection::vec(1e-9..1e15f64, 1..20)) {
            for scale in [Scale::Linear, Scale::Bytes, Scale::Log] {
                let axis = Axis::over("x", scale, values.iter().copied(), |at| at.to_string()).unwrap();
                for value in &values {
                    let place = axis.place(*value).unwrap();
                    prop_assert!((-1e-6..=1.0 + 1e-6).contains(&place), "{value} at {place}");
                }
                prop_assert!((2..=12).contains(&axis.ticks().count()), "{}", axis.ticks().count());
            }
        }
    }

    #[test]
    fn what_cannot_be_shown_has_no_axis_and_no_place() {
        assert!(Axis::over("x", Scale::Log, [0.0, -1.0, f64::NAN], |at| at.to_string()).is_none());
        let axis = Axis::over("x", Scale::Log, [3.0], |at| at.to_string()).unwrap();
        assert_eq!(axis.place(0.0), None);
        assert_eq!(axis.ticks().map(|(_, text)| text).collect::<Vec<_>>(), ["2", "5"]);
        let axis = Axis::over("x", Scale::Linear, [0.0, 41.0], |at| at.to_string()).unwrap();
        assert_eq!(axis.ticks().map(|(_, text)| text).collect::<Vec<_>>(), ["0", "10", "20", "30", "40", "50"]);
        let axis = Axis::over("x", Scale::Bytes, [0.0, 118e6], |at| (at / 1_048_576.0).to_string()).unwrap();
        assert_eq!(axis.ticks().map(|(_, text)| text).collect::<Vec<_>>(), ["0", "20", "40", "60", "80", "100", "120"]);
    }
}
