//! What was promised, and what was measured. A line whose parts were not measured in this run says so. No figure is fixed here but
//! the promised bounds.

use crate::measuring::Round;
use crate::results::{Figure, Results};
use crate::statistics::Spread;

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Promise {
    pub what: &'static str,
    pub bound: Bound,
    /// None if its parts were not measured.
    pub measured: Option<Spread>,
    /// How many digits it has.
    pub digits: usize,
}

/// What the median must keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    AtMost(f64, &'static str),
    AtLeast(f64, &'static str),
    /// Nothing was promised: it stands there for comparison.
    None(&'static str),
}

impl Promise {
    /// Whether it is kept, if it was measured and something was promised.
    #[must_use]
    pub fn is_kept(&self) -> Option<bool> {
        let median = self.measured?.median;
        match self.bound {
            Bound::AtMost(bound, _) => Some(median <= bound),
            Bound::AtLeast(bound, _) => Some(median >= bound),
            Bound::None(_) => None,
        }
    }
}

/// All lines.
#[must_use]
pub fn all(results: &Results) -> Vec<Promise> {
    let lines = [
        decisions(results),
        together(results),
        scale(results),
        latency(results),
        ledger(results),
        issuing(results),
        gate(results),
    ];
    lines.into_iter().flatten().collect()
}

const SERVER: fn(&Round) -> f64 = |round| round.server;
const ENVOY: fn(&Round) -> f64 = |round| round.envoy;
const P99: fn(&Round) -> f64 = |round| round.times.p99;

fn ratio(what: &'static str, bound: Bound, measured: Option<Spread>) -> Promise {
    Promise { what, bound, measured, digits: 2 }
}

/// A figure of one contender by that of another, in each round.
fn by(results: &Results, one: &str, other: &str, figure: fn(&Round) -> f64) -> Option<Spread> {
    let (one, other) = (results.each(one, figure)?, results.each(other, figure)?);
    Spread::of_pairs(&one, &other, |one, other| one / other)
}

fn decisions(results: &Results) -> Vec<Promise> {
    let times = |bound| Bound::AtMost(bound, "x");
    let proof = |one: &str| {
        let checks = results.figures.get(&Figure::Es256Check)?;
        let (one, other) = (results.each(one, SERVER)?, results.each("same-answer", SERVER)?);
        let without_check: Vec<f64> = one.iter().zip(checks).map(|(one, check)| one - check).collect();
        Spread::of_pairs(&without_check, &other, |one, other| one / other)
    };
    vec![
        ratio(
            "server CPU: `mtls`, warm, durable, by `same-answer-mtls`",
            times(4.0),
            by(results, "mtls", "same-answer-mtls", SERVER),
        ),
        ratio(
            "server CPU: `limited` (proof, warm, durable, burns a use), less one bare ES256 check, by `same-answer`",
            times(4.0),
            proof("limited"),
        ),
        ratio(
            "server CPU: `proof` (warm, durable), less one bare ES256 check, by `same-answer`",
            Bound::None("x"),
            proof("proof"),
        ),
        ratio(
            "server CPU: `limited` by `always-allow`, the check included",
            Bound::None("x"),
            by(results, "limited", "always-allow", SERVER),
        ),
        ratio(
            "server CPU: `cold` by `opa-cold`",
            Bound::AtMost(1.0 / 3.0, "x"),
            by(results, "cold", "opa-cold", SERVER),
        ),
        ratio(
            "server CPU: `proof` by `opa-warm`",
            Bound::AtMost(1.0 / 3.0, "x"),
            by(results, "proof", "opa-warm", SERVER),
        ),
        ratio("server CPU: `mtls` by `opa-warm`", Bound::None("x"), by(results, "mtls", "opa-warm", SERVER)),
    ]
}

fn together(results: &Results) -> Vec<Promise> {
    let rate = |name: &str| {
        // Two cores have two million microseconds in a second.
        Spread::of(results.each(name, Round::both)?.into_iter().map(|cost| 2e6 / cost))
    };
    let a_second = |what, name| Promise {
        what,
        bound: Bound::AtLeast(20_000.0, " a second"),
        measured: rate(name),
        digits: 0,
    };
    vec![
        ratio(
            "Envoy and server: `mtls` with gate and seal, by `same-answer-mtls`",
            Bound::AtMost(2.2, "x"),
            by(results, "mtls", "same-answer-mtls", Round::both),
        ),
        ratio(
            "Envoy and server: `proof` with gate and seal, by `same-answer`",
            Bound::AtMost(2.8, "x"),
            by(results, "proof", "same-answer", Round::both),
        ),
        a_second("requests on two cores, calculated from the cost of `mtls`", "mtls"),
        a_second("requests on two cores, calculated from the cost of `proof`", "proof"),
    ]
}

fn scale(results: &Results) -> Vec<Promise> {
    vec![
        ratio(
            "server CPU: 10,000 routes by 10",
            Bound::AtMost(1.05, "x"),
            by(results, "routes-10000", "routes-10", SERVER),
        ),
        ratio(
            "server CPU: a warm chain of 8 links by one of 1",
            Bound::AtMost(1.1, "x"),
            by(results, "depth-8", "depth-1", SERVER),
        ),
        ratio(
            "server CPU: 1,000,000 spent uses by none",
            Bound::AtMost(1.05, "x"),
            results.figure(Figure::MillionUses),
        ),
    ]
}

fn latency(results: &Results) -> Vec<Promise> {
    let beyond = |one: &str, other: &str| {
        let syncs = results.figures.get(&Figure::Sync)?;
        let (one, other) = (results.each(one, P99)?, results.each(other, P99)?);
        Spread::of(one.iter().zip(&other).zip(syncs).map(|((one, other), sync)| (one - other) / sync))
    };
    let times = Bound::AtMost(3.0, " syncs");
    vec![
        ratio(
            "p99 at 16 connections: `mtls` less `same-answer-mtls`, in p99s of a lone write and fdatasync",
            times,
            beyond("mtls", "same-answer-mtls"),
        ),
        ratio(
            "p99 at 16 connections: `proof` less `same-answer`, in p99s of a lone write and fdatasync",
            times,
            beyond("proof", "same-answer"),
        ),
    ]
}

/// A line about one figure that is not of a contender.
fn lines_of(results: &Results) -> impl Fn(&'static str, Bound, Figure, usize) -> Promise {
    |what, bound, figure, digits| Promise { what, bound, measured: results.figure(figure), digits }
}

fn ledger(results: &Results) -> Vec<Promise> {
    let figure = lines_of(results);
    vec![
        figure(
            "the ledger with 64 writers by a plain group commit of the same frames",
            Bound::AtLeast(0.8, "x"),
            Figure::GroupCommit,
            2,
        ),
        figure(
            "fold at a start without a snapshot, on two cores",
            Bound::AtLeast(300.0, " MB/s"),
            Figure::Fold,
            0,
        ),
        figure("resident memory of an idle server", Bound::AtMost(20.0, " MB"), Figure::Idle, 1),
        figure("the same without pages of the program's file", Bound::None(" MB"), Figure::IdleOwn, 1),
    ]
}

fn issuing(results: &Results) -> Vec<Promise> {
    let figure = lines_of(results);
    vec![
        figure(
            "p99 of an issuance at 1,000 a second, server and client on two cores",
            Bound::AtMost(50.0, " ms"),
            Figure::IssuanceP99,
            1,
        ),
        figure(
            "issuances a second at most, server and client on two cores",
            Bound::AtLeast(1000.0, " a second"),
            Figure::Issuances,
            0,
        ),
        figure("server CPU of an issuance", Bound::None(" µs"), Figure::IssuanceCpu, 0),
    ]
}

fn gate(results: &Results) -> Vec<Promise> {
    // What one contender costs Envoy more than another, by what a third one costs more than nothing.
    let added = |one: &str, without: &str, other: &str| {
        let envoy = |name: &str| results.each(name, ENVOY);
        let (one, without, other, nothing) = (envoy(one)?, envoy(without)?, envoy(other)?, envoy("nothing")?);
        let more: Vec<f64> = one.iter().zip(&without).map(|(one, without)| one - without).collect();
        let others: Vec<f64> = other.iter().zip(&nothing).map(|(other, nothing)| other - nothing).collect();
        Spread::of_pairs(&more, &others, |more, others| more / others)
    };
    vec![
        ratio(
            "Envoy: a warm gate adds, by what `trivial` adds",
            Bound::AtMost(2.5, "x"),
            added("gate-warm", "nothing", "trivial"),
        ),
        ratio(
            "Envoy: gate and seal add (`proof` less `no-filter`), by what `trivial` adds",
            Bound::AtMost(4.0, "x"),
            added("proof", "no-filter", "trivial"),
        ),
        ratio(
            "Envoy: `gate-cold` by `jwt-cold`",
            Bound::AtMost(1.0, "x"),
            by(results, "gate-cold", "jwt-cold", ENVOY),
        ),
        ratio(
            "Envoy: a refusal adds, by what passing to `always-allow` adds",
            Bound::AtMost(0.2, "x"),
            added("gate-refusing", "nothing", "always-allow"),
        ),
        ratio(
            "Envoy: a refusal in all, by passing to `always-allow` in all",
            Bound::AtMost(0.2, "x"),
            by(results, "gate-refusing", "always-allow", ENVOY),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measuring::Series;
    use crate::results::Measured;

    fn measured(name: &'static str, server: f64) -> Measured {
        let rounds = vec![Round { server, ..Round::default() }; 3];
        Measured { name, what: "", for_a_curve: false, series: Series { rounds, memory: None } }
    }

    #[test]
    fn a_line_is_kept_broken_or_not_measured() {
        let contenders = vec![measured("mtls", 39.0), measured("same-answer-mtls", 10.0)];
        let mut results = Results { contenders, ..Results::default() };
        let line = |results: &Results| all(results)[0].clone();
        assert_eq!((line(&results).measured.unwrap().median, line(&results).is_kept()), (3.9, Some(true)));
        results.contenders[0] = measured("mtls", 41.0);
        assert_eq!(line(&results).is_kept(), Some(false));
        results.contenders.pop();
        assert_eq!((line(&results).measured, line(&results).is_kept()), (None, None));
    }

    #[test]
    fn the_bare_check_is_taken_off_in_each_round() {
        let contenders = vec![measured("limited", 90.0), measured("same-answer", 10.0)];
        let mut results = Results { contenders, ..Results::default() };
        (0..3).for_each(|_| results.add(Figure::Es256Check, 50.0));
        assert_eq!(all(&results)[1].measured.unwrap().median, 4.0);
    }

    #[test]
    fn every_name_in_a_line_is_that_of_a_contender() {
        // With all of them measured, no line is left out for a name that is not one.
        let contenders = crate::contenders::all().iter().map(|choice| measured(choice.name, 1.0)).collect();
        let mut results = Results { contenders, ..Results::default() };
        let figures = [
            Figure::Es256Check,
            Figure::Sync,
            Figure::GroupCommit,
            Figure::Fold,
            Figure::Idle,
            Figure::IdleOwn,
            Figure::MillionUses,
            Figure::IssuanceP99,
            Figure::Issuances,
            Figure::IssuanceCpu,
        ];
        figures.into_iter().for_each(|figure| results.add(figure, 1.0));
        let missing = all(&results).into_iter().find(|line| line.measured.is_none());
        assert_eq!(missing, None);
    }
}
