//! Runs every contender and prints the table.
//!     side-by-side [REQUESTS]      this many for each contender, in three rounds
#![allow(clippy::expect_used, reason = "a bench panics when something unexpected happens")]

use portcullis_benches::contender::{ALWAYS_ALLOW, Contender, SERVER_ALONE, TRIVIAL_FILTER, WHOLE};
use portcullis_benches::table;
use portcullis_tests::programs;

const ROUNDS: usize = 3;

#[tokio::main]
async fn main() {
    let requests: usize = std::env::args()
        .nth(1)
        .map_or(30_000, |count| count.parse().expect("usage: side-by-side [REQUESTS]"));
    let a_round = requests.div_ceil(ROUNDS);
    let here = std::env::current_exe().expect("a running program has a path");
    let mut contenders = [
        Contender::nothing().await,
        Contender::trivial_filter(&programs::built_for_wasm("trivial_filter.wasm")).await,
        Contender::gate().await,
        Contender::refusing_gate().await,
        Contender::new_tokens().await,
        Contender::gate_with_new_warrants().await,
        Contender::always_allow(&here.with_file_name("always-allow")).await,
        Contender::portcullis_without_filter().await,
        Contender::portcullis().await,
    ];
    let warm_up = a_round.div_ceil(4);
    for contender in &contenders {
        contender.warm_up(warm_up).await;
    }
    for _ in 0..ROUNDS {
        for contender in &mut contenders {
            contender.round(a_round).await;
        }
    }
    for contender in &contenders {
        contender.check_server_was_asked(ROUNDS.saturating_mul(a_round).saturating_add(warm_up)).await;
    }
    let costs: Vec<_> = contenders.into_iter().map(|contender| contender.costs.clone()).collect();
    table::print(&costs, ALWAYS_ALLOW, TRIVIAL_FILTER);
    table::print_difference(&costs, "gate and seal together", (WHOLE, SERVER_ALONE), TRIVIAL_FILTER);
}
