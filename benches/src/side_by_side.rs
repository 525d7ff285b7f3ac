//! Runs contenders in turn, round after round.

use tempfile::TempDir;

use crate::contenders::{self, Choice, Contender};
use crate::cores;
use crate::load::CONNECTIONS;
use crate::options::Options;
use crate::results::{Figure, Measured, Results};
use crate::yardsticks;

/// The contenders that `--only` names, else all but those of curves.
///
/// # Panics
/// When there is none of a name.
#[must_use]
pub fn chosen(only: &[String]) -> Vec<Choice> {
    let all = contenders::all();
    if only.is_empty() {
        return all.into_iter().filter(|choice| !choice.for_a_curve).collect();
    }
    only.iter().map(|name| named(name)).collect()
}

/// The contender of this name.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn named(name: &str) -> Choice {
    let found = contenders::all().into_iter().find(|choice| choice.name == name);
    found.unwrap_or_else(|| panic!("no contender is called {name}: see --list"))
}

/// Measures these, and adds the results. Between the rounds it measures the yardsticks.
///
/// # Panics
/// When one of them does not work.
pub async fn measure_all(choices: &[Choice], options: &Options, results: &mut Results) {
    measure(choices, options, results, Some(&Yardsticks::new())).await;
}

/// The same without the yardsticks, for curves.
///
/// # Panics
/// When one of them does not work.
pub async fn measure_some(choices: &[Choice], options: &Options, results: &mut Results) {
    measure(choices, options, results, None).await;
}

async fn measure(
    choices: &[Choice],
    options: &Options,
    results: &mut Results,
    yardsticks: Option<&Yardsticks>,
) {
    let mut running = start(choices, options).await;
    for round in 1..=options.rounds() {
        eprintln!("round {round} of {}", options.rounds());
        for contender in &mut running {
            contender.round(options.a_round(), CONNECTIONS).await;
        }
        if let Some(yardsticks) = yardsticks {
            yardsticks.measure(results).await;
        }
    }
    for contender in &mut running {
        contender.note_memory();
        contender.check_server_was_asked().await;
    }
    for contender in running {
        let Choice { name, what, for_a_curve, .. } = named(contender.name);
        results.contenders.retain(|one| one.name != name);
        results.contenders.push(Measured { name, what, for_a_curve, series: contender.series.clone() });
    }
    // In the order of `--list`, whichever part ran first.
    let order: Vec<&str> = contenders::all().iter().map(|choice| choice.name).collect();
    results.contenders.sort_by_key(|one| order.iter().position(|name| *name == one.name));
}

/// Starts these and warms them up.
///
/// # Panics
/// When one of them does not work.
pub async fn start(choices: &[Choice], options: &Options) -> Vec<Contender> {
    let mut running = contenders::start(choices).await;
    for contender in &mut running {
        eprintln!("warming up {}", contender.name);
        contender.send_unmeasured(options.warm_up(contender.warm_up)).await;
    }
    running
}

/// The yardsticks, with a place to write to.
struct Yardsticks(TempDir);

impl Yardsticks {
    fn new() -> Yardsticks {
        Yardsticks(tempfile::tempdir().expect("a temporary directory"))
    }

    async fn measure(&self, results: &mut Results) {
        let both = async { (yardsticks::es256_check(), yardsticks::sync_p99(self.0.path())) };
        let (check, sync) = cores::start_measured(both).await;
        results.add(Figure::Es256Check, check);
        results.add(Figure::Sync, sync);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_contender_has_a_name_of_its_own() {
        let all = contenders::all();
        let names: BTreeSet<&str> = all.iter().map(|choice| choice.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.iter().all(|choice| named(choice.name).what == choice.what));
    }

    #[test]
    fn without_names_all_run_that_do_not_belong_to_a_curve() {
        let names: Vec<&str> = chosen(&[]).iter().map(|choice| choice.name).collect();
        assert!(names.contains(&"proof") && !names.contains(&"depth-8"));
        assert_eq!(chosen(&["depth-8".to_owned()]).len(), 1);
    }
}
