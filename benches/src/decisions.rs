//! What a decision costs the server, without Envoy: of this build, of this build with many facts, and of another build.

use portcullis_tests::offline_ledger;
use portcullis_tests::programs;
use portcullis_tests::server::Home;
use std::path::Path;
use tempfile::TempDir;

use crate::cpu_time::CpuTime;
use crate::direct::Direct;
use crate::options::Options;
use crate::statistics::Spread;

const REVOCATIONS: usize = 100_000;
const USES: usize = 1_000_000;
/// Decisions of each in a round. Short rounds spread what else the machine does over all of them, and a proof is valid for half a minute.
const A_ROUND: usize = 2_000;
/// Checks that a server has not answered.
const AT_ONCE: usize = 64;

struct Contender {
    name: String,
    /// Microseconds of a decision, by round.
    rounds: Vec<f64>,
    /// The p99 of their answers in microseconds.
    p99s: Vec<f64>,
    direct: Direct,
    _directory: TempDir,
}

impl Contender {
    async fn start(name: impl Into<String>, program: &Path, fill: impl FnOnce(&Home)) -> Contender {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let home = Home::init_by(program, directory.path(), &[]);
        fill(&home);
        let direct = Direct::start(program, &home).await;
        Contender { name: name.into(), rounds: Vec::new(), p99s: Vec::new(), direct, _directory: directory }
    }

    async fn round(&mut self, checks: usize) {
        let checks = self.direct.checks(checks).await;
        let count = checks.len();
        let before = CpuTime::of(&self.direct.server);
        let answers = self.direct.ask_in_turn(checks, AT_ONCE).await;
        let used = before.until(&CpuTime::of(&self.direct.server));
        assert_eq!(answers.allowed.len(), count, "{}: {:?}", self.name, answers.denied);
        self.rounds.push(used.as_secs_f64() * 1e6 / count as f64);
        self.p99s.push(answers.within(0.99).as_secs_f64() * 1e6);
    }
}

/// Lets all of them decide in turn, after a warm-up.
async fn take_turns(all: &mut [Contender], rounds: usize, a_round: usize) {
    for contender in &mut *all {
        contender.round(A_ROUND).await;
        contender.rounds.clear();
        contender.p99s.clear();
    }
    for _ in 0..rounds {
        for contender in &mut *all {
            contender.round(a_round).await;
        }
    }
}

/// Measures so many decisions of each, and prints what they cost. `other` is the program of another build.
///
/// # Panics
/// When a server does not start, ends or denies.
pub async fn measure(decisions: usize, other: Option<&Path>) {
    let this = programs::portcullis();
    let mut all = vec![Contender::start("this build", &this, |_| ()).await];
    let name = "this build, 100,000 revocations, 1,000,000 uses";
    all.push(Contender::start(name, &this, |home| offline_ledger::fill(home, REVOCATIONS, USES)).await);
    if let Some(other) = other {
        all.push(Contender::start("the other build", other, |_| ()).await);
    }
    take_turns(&mut all, decisions.div_ceil(A_ROUND), A_ROUND).await;
    println!(
        "CPU microseconds of a decision in the server; {AT_ONCE} at once, one core. The median of {} rounds, and the lowest and \
         the highest",
        all[0].rounds.len()
    );
    let none = Spread { median: 0.0, lowest: 0.0, highest: 0.0 };
    for Contender { name, rounds, direct, .. } in &all {
        let (memory, most) = (direct.server.own_resident_bytes() >> 20, direct.server.most_memory() >> 20);
        let each = Spread::of(rounds.iter().copied()).unwrap_or(none);
        let ratio = Spread::of_pairs(rounds, &all[0].rounds, |this, first| this / first).unwrap_or(none);
        println!("{name:<50} {each:>24.1}  x{ratio:.3}  {memory} MiB of its own, {most} MiB at most");
    }
}

/// Decisions with so many spent uses in the ledger, by round.
#[derive(Clone, Debug, PartialEq)]
pub struct WithUses {
    pub uses: usize,
    /// Microseconds of a decision in the server.
    pub costs: Vec<f64>,
    /// The p99 of an answer in microseconds.
    pub p99s: Vec<f64>,
}

/// Measures decisions with so many spent uses in the ledger.
///
/// # Panics
/// When a server does not start, ends or denies.
pub async fn by_uses(uses: &[usize], options: &Options) -> Vec<WithUses> {
    let mut all = Vec::new();
    for count in uses {
        let fill = |home: &Home| offline_ledger::fill(home, 0, *count);
        all.push(Contender::start(format!("{count} uses"), &programs::portcullis(), fill).await);
    }
    take_turns(&mut all, options.rounds(), options.a_round()).await;
    let measured = |(uses, contender): (&usize, Contender)| WithUses {
        uses: *uses,
        costs: contender.rounds,
        p99s: contender.p99s,
    };
    uses.iter().zip(all).map(measured).collect()
}
