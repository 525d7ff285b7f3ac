//! What a round of requests costs, and the rounds of a contender. It does not know what a contender is.

use portcullis_tests::process::Process;
use std::fs;
use std::time::{Duration, Instant};

use crate::cpu_time::CpuTime;
use crate::statistics::{Percentiles, Spread};

/// The costs of one round, in microseconds a request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Round {
    pub envoy: f64,
    /// 0 if there is no server.
    pub server: f64,
    pub times: Percentiles,
    /// Requests in a second.
    pub rate: f64,
}

impl Round {
    /// Measures what the processes use until `sending` has ended.
    pub async fn of(
        envoy: &Process,
        server: Option<&Process>,
        requests: usize,
        sending: impl Future<Output = Vec<Duration>>,
    ) -> Round {
        let before = (CpuTime::of(envoy), server.map(CpuTime::of));
        let began = Instant::now();
        let times = sending.await;
        let took = began.elapsed();
        let after = (CpuTime::of(envoy), server.map(CpuTime::of));
        let each = |used: Duration| used.as_secs_f64() * 1e6 / requests as f64;
        let of_server = before.1.zip(after.1).map(|(before, after)| each(before.until(&after)));
        Round {
            envoy: each(before.0.until(&after.0)),
            server: of_server.unwrap_or_default(),
            times: Percentiles::of(times),
            rate: requests as f64 / took.as_secs_f64(),
        }
    }

    /// Envoy and server together.
    #[must_use]
    pub fn both(&self) -> f64 {
        self.envoy + self.server
    }
}

/// The rounds of one contender.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    pub rounds: Vec<Round>,
    /// Of Envoy, and of the server if there is one.
    pub memory: Option<(Memory, Option<Memory>)>,
}

impl Series {
    /// One figure of every round.
    pub fn each(&self, figure: impl Fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().map(figure).collect()
    }

    /// The median and the spread of one figure.
    pub fn spread(&self, figure: impl Fn(&Round) -> f64) -> Option<Spread> {
        Spread::of(self.each(figure))
    }
}

/// Resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All of it, with the pages of the program's file.
    pub resident: u64,
    /// Without pages that the kernel can drop.
    pub own: u64,
}

/// What this process holds in memory.
///
/// # Panics
/// When it has ended.
#[must_use]
pub fn memory(process: &Process) -> Memory {
    let status = fs::read_to_string(process.file_in_proc("status")).expect("it runs");
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    let resident =
        kilobytes.and_then(|number| number.trim().parse::<u64>().ok()).expect("it is counted") << 10;
    Memory { resident, own: process.own_resident_bytes() }
}
