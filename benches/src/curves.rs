//! Costs against connections, routes, depth and spent uses, and against the requests since the start.

use crate::contenders::Choice;
use crate::decisions;
use crate::load::CONNECTIONS;
use crate::measuring::{Round, Series};
use crate::options::Options;
use crate::results::{Curve, Figure, Line, Results};
use crate::side_by_side::{measure_some, named, start};
use crate::statistics::Spread;

const CONNECTION_COUNTS: [usize; 5] = [1, 4, 16, 64, 256];
const AGAINST_CONNECTIONS: [&str; 4] = ["same-answer", "same-answer-mtls", "mtls", "proof"];

const ROUTES: [(&str, f64); 3] = [("routes-10", 10.0), ("routes-1000", 1_000.0), ("routes-10000", 10_000.0)];
const DEPTHS: [(&str, f64); 4] = [("depth-1", 1.0), ("depth-2", 2.0), ("depth-4", 4.0), ("depth-8", 8.0)];

const USES: [usize; 4] = [0, 10_000, 100_000, 1_000_000];

/// Measures all of them but the warm-up.
///
/// # Panics
/// When a contender does not work.
pub async fn measure_all(options: &Options, results: &mut Results) {
    connections(options, results).await;
    let routes = CurveOf {
        points: &ROUTES,
        files: ["routes-cpu", "routes-p99"],
        titles: ["Processor time of a request against routes", "p99 of the client against routes"],
        of_x: "routes of the bundle",
    };
    by_contender(options, results, &routes).await;
    let depth = CurveOf {
        points: &DEPTHS,
        files: ["depth-cpu", "depth-p99"],
        titles: [
            "Processor time of a request against the depth of the warrant",
            "p99 of the client against the depth of the warrant",
        ],
        of_x: "links of the warrant",
    };
    by_contender(options, results, &depth).await;
    uses(options, results).await;
}

async fn connections(options: &Options, results: &mut Results) {
    let choices: Vec<Choice> = AGAINST_CONNECTIONS.into_iter().map(named).collect();
    let mut running = start(&choices, options).await;
    // By contender, then by number of connections.
    let mut series = vec![vec![Series::default(); CONNECTION_COUNTS.len()]; running.len()];
    for round in 1..=options.rounds() {
        eprintln!("connections: round {round} of {}", options.rounds());
        for (place, count) in CONNECTION_COUNTS.into_iter().enumerate() {
            for (contender, series) in running.iter_mut().zip(&mut series) {
                contender.round(options.a_round(), count).await;
                series[place].rounds.extend(contender.series.rounds.pop());
            }
        }
    }
    let names: Vec<&str> = running.iter().map(|contender| contender.name).collect();
    let lines = |figure: fn(&Round) -> f64| {
        let points = |series: &Vec<Series>| {
            let counts = CONNECTION_COUNTS.iter().map(|count| *count as f64);
            counts.zip(series).filter_map(|(x, series)| Some((x, series.spread(figure)?))).collect()
        };
        names
            .iter()
            .zip(&series)
            .map(|(name, series)| Line { name: (*name).to_owned(), points: points(series) })
            .collect()
    };
    results.curves.push(Curve {
        file: "connections-cpu",
        title: "Processor time of a request against connections",
        of_x: "connections",
        of_y: "µs of Envoy and server",
        lines: lines(Round::both),
    });
    results.curves.push(Curve {
        file: "connections-p99",
        title: "p99 of the client against connections",
        of_x: "connections",
        of_y: "µs",
        lines: lines(|round| round.times.p99),
    });
}

/// Curves each of whose points is a contender: of processor time, and of p99.
struct CurveOf {
    points: &'static [(&'static str, f64)],
    files: [&'static str; 2],
    titles: [&'static str; 2],
    of_x: &'static str,
}

async fn by_contender(options: &Options, results: &mut Results, curve: &CurveOf) {
    let choices: Vec<Choice> = curve.points.iter().map(|(name, _)| named(name)).collect();
    measure_some(&choices, options, results).await;
    let line = |name: &str, figure: fn(&Round) -> f64| {
        let point = |(name, x): &(&str, f64)| Some((*x, results.series(name)?.spread(figure)?));
        Line { name: name.to_owned(), points: curve.points.iter().filter_map(point).collect() }
    };
    let cpu = vec![line("server", |round| round.server), line("Envoy", |round| round.envoy)];
    let p99 = vec![line("p99", |round| round.times.p99)];
    for (place, (of_y, lines)) in [("µs", cpu), ("µs", p99)].into_iter().enumerate() {
        let (file, title) = (curve.files[place], curve.titles[place]);
        results.curves.push(Curve { file, title, of_x: curve.of_x, of_y, lines });
    }
}

async fn uses(options: &Options, results: &mut Results) {
    let measured = decisions::by_uses(&USES, options).await;
    if let (Some(none), Some(most)) = (measured.first(), measured.last()) {
        most.costs
            .iter()
            .zip(&none.costs)
            .for_each(|(most, none)| results.add(Figure::MillionUses, most / none));
    }
    let line = |figure: fn(&decisions::WithUses) -> &[f64]| {
        let point =
            |one: &decisions::WithUses| Some((one.uses as f64, Spread::of(figure(one).iter().copied())?));
        vec![Line { name: "server".to_owned(), points: measured.iter().filter_map(point).collect() }]
    };
    let (costs, p99s) = (line(|one| &one.costs), line(|one| &one.p99s));
    results.curves.push(Curve {
        file: "uses-cpu",
        title: "Processor time of a decision against spent uses in the ledger",
        of_x: "spent uses",
        of_y: "µs of the server, without Envoy",
        lines: costs,
    });
    results.curves.push(Curve {
        file: "uses-p99",
        title: "p99 of a decision against spent uses in the ledger",
        of_x: "spent uses",
        of_y: "µs, without Envoy, 64 checks at once",
        lines: p99s,
    });
}

/// A point of the warm-up's curve is the cost of so many requests.
const STEP: usize = 5_000;
const STEPS: usize = 10;
const WARMED_UP: [&str; 5] = ["trivial", "gate-warm", "gate-cold", "jwt-cold", "mtls"];

/// What the first requests cost Envoy after its start, and those after them.
///
/// # Panics
/// When a contender does not work.
pub async fn warm_up(options: &Options, results: &mut Results) {
    let is_chosen = |name: &&str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let choices: Vec<Choice> = WARMED_UP.into_iter().filter(is_chosen).map(named).collect();
    let mut lines: Vec<Line> = Vec::new();
    let mut running = crate::contenders::start(&choices).await;
    for contender in &mut running {
        for _ in 0..STEPS {
            contender.round(STEP, CONNECTIONS).await;
        }
        let costs = contender.series.each(|round| round.envoy);
        println!(
            "{:<12} Envoy's µs a request: {:.1} in the first {STEP}, {:.1} in the {STEP} after {}",
            contender.name,
            costs[0],
            costs[STEPS - 1],
            STEP * (STEPS - 1)
        );
        let points = costs
            .iter()
            .enumerate()
            .filter_map(|(n, cost)| Some(((n * STEP + STEP) as f64, Spread::of([*cost])?)));
        lines.push(Line { name: contender.name.to_owned(), points: points.collect() });
    }
    results.curves.push(Curve {
        file: "warm-up",
        title: "Processor time of a request in Envoy after its start",
        of_x: "requests since the start",
        of_y: "µs of Envoy",
        lines,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contenders_of_all_curves_exist() {
        let points = ROUTES.iter().chain(&DEPTHS).map(|(name, _)| *name);
        for name in points.chain(AGAINST_CONNECTIONS).chain(WARMED_UP) {
            assert_eq!(named(name).name, name);
        }
    }
}
