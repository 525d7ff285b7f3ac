//! Measures what Portcullis costs, in parts that also run alone. `--help` says how.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its results, and panics when something unexpected happens"
)]

use clap::Parser;
use portcullis_benches::options::{Options, Part};
use portcullis_benches::results::Results;
use portcullis_benches::{
    contenders, cores, curves, decisions, ledger_speed, machine, overload, report, side_by_side,
};

fn main() {
    let options = Options::parse();
    if options.list {
        contenders::all().iter().for_each(|choice| println!("{:<18} {}", choice.name, choice.what));
        return;
    }
    if machine::is_in_memory(&std::env::temp_dir()) {
        println!("NOT DURABLE: the ledgers are in memory. Set TMPDIR to a directory on a disk.");
    }
    cores::run_on(cores::LOAD);
    // One thread: it must not take time from what it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime of one thread").block_on(run(&options));
}

async fn run(options: &Options) {
    let mut results = Results {
        machine: machine::describe(&std::env::temp_dir()),
        method: method(options),
        ..Results::default()
    };
    for part in options.chosen() {
        match part {
            Part::Contenders => {
                side_by_side::measure_all(&side_by_side::chosen(&options.only), options, &mut results).await;
            }
            Part::WarmUp => curves::warm_up(options, &mut results).await,
            Part::Curves => curves::measure_all(options, &mut results).await,
            Part::Settings => {
                let choices: Vec<_> =
                    contenders::settings::NAMES.into_iter().map(side_by_side::named).collect();
                side_by_side::measure_some(&choices, options, &mut results).await;
            }
            Part::Ledger => ledger_speed::measure(options, &mut results).await,
            Part::Idle => ledger_speed::idle(options, &mut results).await,
            Part::Decisions => decisions::measure(DECISIONS, None).await,
            Part::Overload => overload::measure(OVERLOAD_SECONDS).await,
        }
    }
    for (name, value) in results.machine.iter().chain(&results.method) {
        println!("{name}: {value}");
    }
    println!("{}", report::tables(&results));
    if options.write {
        report::write_all(&results);
    }
}

const DECISIONS: usize = 20_000;
const OVERLOAD_SECONDS: usize = 8;

fn method(options: &Options) -> Vec<(&'static str, String)> {
    let place = format!(
        "Envoy and server on core {}, the load generator on core {}; Envoy has one worker",
        cores::MEASURED,
        cores::LOAD
    );
    let rounds = format!("{} of {} requests, all contenders in turn", options.rounds(), options.a_round());
    vec![
        ("cores", place),
        ("rounds", rounds),
        (
            "warm-up",
            format!(
                "{} requests, {} with Wasm",
                options.warm_up(contenders::WARM_UP),
                options.warm_up(contenders::WARM_UP_OF_WASM)
            ),
        ),
        ("processor time", "of each thread as the kernel counts it (/proc/PID/task/*/schedstat)".to_owned()),
    ]
}
