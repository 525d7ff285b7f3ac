//! Sixty-four presenters of one payment, round after round: ten rounds in `./dev test`, and 1,000 in `./dev soak`.

use portcullis_tests::soak::rounds;

use super::*;

const ROUNDS_AT_ONCE: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_presenters_of_a_payment_one_is_executed_in_each_round() {
    present_payments(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_presenters_of_a_payment_never_two_are_executed_while_the_server_is_killed_and_restarted() {
    present_payments(true).await;
}

async fn present_payments(with_interruptions: bool) {
    let rounds = ROUNDS_AT_ONCE * rounds();
    let mut random = Random::of_this_run("payments");
    let mut world = start().await;
    wait_until_allowed(&world).await;
    let from = Instant::now();
    let mut connections: Vec<Connection> =
        (0..PRESENTERS).map(|_| Connection::new(world.envoy.address())).collect();
    let mut history = History::default();
    let mut interruptions = 0;
    for round in 0..rounds {
        let (root, target) = (format!("root {round}"), format!("/v1/payments/{round}"));
        let warrants = Warrants::single(&world.agent, &root, "POST", target, &payment(), 1);
        history.limits.extend(warrants.limits.clone());
        // Two rounds of three.
        let after = random.below(PRESENTERS);
        let interruption = match round % 3 {
            0 if with_interruptions => Some(Interruption::Kill { after }),
            1 if with_interruptions => Some(Interruption::Stop { after }),
            _ => None,
        };
        let answers = present(&mut world, &mut connections, &warrants, interruption).await;
        if interruption.is_none() {
            warrants.assert_all_used(usize::try_from(round).unwrap(), &answers);
        } else {
            interruptions += 1;
            wait_until_allowed(&world).await;
            // Nobody knows whether the use is burned: each presenter tries again.
            let again = present(&mut world, &mut connections, &warrants, None).await;
            history.presentations.extend(again);
        }
        history.presentations.extend(answers);
    }
    let executed = history.count(Answer::Executed);
    println!("{rounds} payments, {interruptions} interruptions: {executed} executed in {:?}", from.elapsed());
    let faults = history.faults(&executions(&world));
    assert!(faults.is_empty(), "{faults:#?}");
    let rounds = usize::try_from(rounds).unwrap();
    assert!(executed + interruptions >= rounds && executed <= rounds, "{executed} of {rounds}");
    assert_no_link_is_used_more_often_on_record(&mut world, executed).await;
    world.end().await;
}
