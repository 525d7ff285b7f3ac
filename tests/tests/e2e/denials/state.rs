//! The policy, the uses, the ledger and the server itself.

use std::time::Duration;

use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::condition::until;
use warrant::Denial;

use super::court::Court;
use super::{Provoked, Record, Row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(Denial::PolicyError, "a sum in the policy overflows", |court| Box::pin(overflow(court))),
        Row::new(Denial::PolicyDenied, "nothing permits this holder", |court| Box::pin(stranger(court))),
        Row::new(Denial::Replayed, "the same request once more", |court| Box::pin(again(court))),
        Row::new(
            Denial::StateUnavailable,
            "the bundle names another server as the one that counts uses",
            |court| Box::pin(other_burner(court)),
        ),
        Row::new(Denial::LedgerUnavailable, "the disk takes no more", |court| Box::pin(full_disk(court))),
        Row::new(Denial::DeadlineExceeded, "the disk is too slow", |court| Box::pin(slow_disk(court))),
        Row::new(Denial::Internal, "the policy runs out of stack", |court| Box::pin(no_stack(court))),
    ]
}

async fn overflow(court: &Court) -> Provoked {
    let content = WarrantSpec { path: "/sums".into(), ..hello() };
    court.provoke(court.world.agent.request(&content, "GET", "/sums?n=2")).await
}

async fn stranger(court: &Court) -> Provoked {
    court.provoke(court.asking(&WarrantSpec { holder: "agent:stranger".into(), ..hello() })).await
}

async fn again(court: &Court) -> Provoked {
    let first = court.good();
    assert_eq!(court.send(&first).await.status, 200);
    // The proof is the same; the name by which the upstream knows the request is another.
    let second = portcullis_tests::client::ClientRequest { id: format!("{}-again", first.id), ..first };
    court.provoke(second).await
}

async fn other_burner(court: &Court) -> Provoked {
    court
        .publish(3600, |bundle| {
            bundle.edit("mesh.json", |mesh| mesh["spec"]["burner"] = "demo/log/another".into())
        })
        .await;
    let provoked = court.provoke(court.good()).await;
    court.restore_bundle().await;
    provoked
}

async fn full_disk(court: &Court) -> Provoked {
    court.world.server.fill_disk();
    let provoked = court.provoke(court.good()).await;
    // Summaries of earlier denials come due meanwhile. None may be lost.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    court.world.server.free_disk();
    until("the ledger to record again", async || court.world.server.readiness_of("ledger").await.ok()).await;
    court.wait_until_allowed().await;
    Provoked { record: Record::Gap, ..provoked }
}

async fn slow_disk(court: &Court) -> Provoked {
    court.machine.delay_syncs_by(Duration::from_secs(60));
    let provoked = court.provoke(court.good()).await;
    court.machine.delay_syncs_by(Duration::ZERO);
    court.wait_until_allowed().await;
    Provoked { record: Record::Summary, ..provoked }
}

/// In a world of its own: threads that were told that they have no stack never ask again. And a decision that failed for a
/// fault of the machine is another one when it is judged again.
async fn no_stack(court: &Court) -> Provoked {
    let mut other = Court::start(court.settings).await;
    other.world.replay_check.skip_because("a fault of the machine is not on record");
    other.restart().await;
    other.machine.use_up_stacks();
    let provoked = other.provoke(other.good()).await;
    assert_eq!(other.world.executions_of(&provoked.request), 0);
    let id = provoked.assert_is(Denial::Internal).expect("the court denied it");
    let entries = other.recorded().await;
    assert!(entries.iter().any(|entry| super::holds(entry, Record::Entry, Denial::Internal, &id)));
    other.world.end().await;
    Provoked { record: Record::SeenElsewhere, ..provoked }
}
