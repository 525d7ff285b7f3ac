//! What a decision costs the server alone: this build, this build with many facts, and another build if one is named. All are
//! asked in turn over their sockets, without Envoy.

use portcullis_tests::server::Home;
use portcullis_tests::{offline_ledger, programs};
use std::path::Path;
use tempfile::TempDir;

use crate::direct::Direct;
use crate::table::Costs;

const REVOCATIONS: usize = 100_000;
const USES: usize = 1_000_000;
/// Decisions of each in a round. Short rounds spread what else the machine does over all of them, and a proof is valid for half a minute.
const A_ROUND: usize = 2_000;
/// Checks that a server has not answered.
const AT_ONCE: usize = 64;

struct Contender {
    costs: Costs,
    direct: Direct,
    _directory: TempDir,
}

impl Contender {
    async fn start(name: &'static str, program: &Path, fill: impl FnOnce(&Home)) -> Contender {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let home = Home::init_by(program, directory.path(), &[]);
        fill(&home);
        let direct = Direct::start(program, &home).await;
        Contender { costs: Costs::new(name, true), direct, _directory: directory }
    }

    async fn round(&mut self, checks: usize) {
        let checks = self.direct.checks(checks).await;
        let count = checks.len();
        let before = self.direct.server.processor_time();
        let answers = self.direct.ask_in_turn(checks, AT_ONCE).await;
        let used = self.direct.server.processor_time() - before;
        assert_eq!(answers.allowed.len(), count, "{}: {:?}", self.costs.name, answers.denied);
        self.costs.add(count, std::time::Duration::ZERO, Some(used), answers.took);
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
    for contender in &mut all {
        contender.round(A_ROUND).await;
        contender.costs = Costs::new(contender.costs.name, true);
    }
    for _ in 0..decisions.div_ceil(A_ROUND) {
        for contender in &mut all {
            contender.round(A_ROUND).await;
        }
    }
    let this = all[0].costs.of_server();
    println!(
        "CPU microseconds of a decision in the server, from /proc/PID/stat; {AT_ONCE} at once, one core"
    );
    for Contender { costs, direct, .. } in &all {
        let (memory, most) = (direct.server.own_resident_bytes() >> 20, direct.server.most_memory() >> 20);
        let each = costs.of_server();
        let name = costs.name;
        println!("{name:<50} {each:>7.1}  x{:.3}  {memory} MiB of its own, {most} MiB at most", each / this);
    }
}
