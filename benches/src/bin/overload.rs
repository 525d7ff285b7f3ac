//! Asks the server for four times what it can decide, and prints the answers.
//!     overload [SECONDS]
#![allow(clippy::expect_used, reason = "a bench panics when something unexpected happens")]

fn main() {
    let seconds = std::env::args().nth(1);
    let seconds = seconds.map_or(8, |seconds| seconds.parse().expect("usage: overload [SECONDS]"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime of one thread").block_on(portcullis_benches::overload::measure(seconds));
}
