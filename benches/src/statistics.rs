//! Medians, spreads and percentiles. Nothing here knows what is measured.

use std::fmt;
use std::time::Duration;

/// The median of several rounds, with the lowest and the highest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub lowest: f64,
    pub highest: f64,
}

impl Spread {
    /// None of nothing.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (lowest, highest) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            (sorted[middle - 1] + sorted[middle]) / 2.0
        } else {
            sorted[middle]
        };
        Some(Spread { median, lowest, highest })
    }

    /// What is computed from two values of the same round, for all rounds: so a change of the machine's speed between rounds
    /// concerns both values.
    #[must_use]
    pub fn of_pairs(one: &[f64], other: &[f64], compute: impl Fn(f64, f64) -> f64) -> Option<Spread> {
        Spread::of(one.iter().zip(other).map(|(one, other)| compute(*one, *other)))
    }
}

/// The median, and the spread in parentheses. `{:.1}` says how many digits.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(1);
        let Spread { median, lowest, highest } = self;
        let text = format!("{median:.digits$} ({lowest:.digits$}–{highest:.digits$})");
        // Not `pad`: it would take the number of digits for the longest length of the text.
        write!(f, "{text:>width$}", width = f.width().unwrap_or(0))
    }
}

/// How long the requests of one round took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
}

impl Percentiles {
    /// In microseconds.
    #[must_use]
    pub fn of(mut times: Vec<Duration>) -> Percentiles {
        times.sort_unstable();
        let at = |part: f64| {
            // The smallest time that this part of all requests did not exceed.
            let place = (times.len() as f64 * part).ceil() as usize;
            times.get(place.saturating_sub(1)).map_or(0.0, |time| time.as_nanos() as f64 / 1e3)
        };
        Percentiles { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_the_spread_the_ends() {
        let spread = Spread::of([3.0, 1.0, 10.0]).unwrap();
        assert_eq!(spread, Spread { median: 3.0, lowest: 1.0, highest: 10.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(Spread::of([]), None);
        assert_eq!(format!("{spread:.1} {spread:>12.0}"), "3.0 (1.0–10.0)     3 (1–10)");
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        // The machine was twice as slow in the second round: the ratio did not change.
        let ratio = Spread::of_pairs(&[2.0, 4.0], &[1.0, 2.0], |one, other| one / other).unwrap();
        assert_eq!(ratio, Spread { median: 2.0, lowest: 2.0, highest: 2.0 });
    }

    #[test]
    fn a_percentile_is_the_time_that_so_many_did_not_exceed() {
        let times = (1..=1000).rev().map(Duration::from_micros).collect();
        assert_eq!(Percentiles::of(times), Percentiles { p50: 500.0, p99: 990.0, p999: 999.0 });
        assert_eq!(Percentiles::of(vec![Duration::from_micros(7)]).p99, 7.0);
        assert_eq!(Percentiles::of(Vec::new()), Percentiles::default());
    }
}
