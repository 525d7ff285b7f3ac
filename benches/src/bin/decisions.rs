//! Measures what a decision costs the server, without and with many facts, and prints the table.
//!     decisions [DECISIONS] [OTHER]      so many of each; OTHER is the program `portcullis` of another build
#![allow(clippy::expect_used, reason = "a bench panics when something unexpected happens")]

use std::path::Path;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let decisions = arguments.next();
    let decisions =
        decisions.map_or(20_000, |count| count.parse().expect("usage: decisions [DECISIONS] [OTHER]"));
    let other = arguments.next();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .expect("a runtime of one thread")
        .block_on(portcullis_benches::decisions::measure(decisions, other.as_deref().map(Path::new)));
}
