//! Governance itself: nothing can be allowed, whatever the request is.

use std::time::Duration;

use portcullis_tests::client::ClientResponse;
use portcullis_tests::condition::until;
use warrant::Denial;

use super::court::{Court, Settings};
use super::{Provoked, Record, Row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(Denial::Halted, "an operator halts the mesh", |court| Box::pin(halted(court, &[]))),
        Row::new(Denial::Halted, "an operator halts the region of this server", |court| {
            Box::pin(halted(court, &["--environment", "region=eu-1"]))
        }),
        Row::new(Denial::Halted, "an operator halts the route", |court| {
            Box::pin(halted(court, &["--route", "hello"]))
        }),
        Row::new(Denial::Halted, "an operator halts the issuer of the root", |court| {
            Box::pin(halted(court, &["--issuer", "https://authority.demo"]))
        }),
        Row::new(Denial::GovernanceStale, "the note of the bundle has ended", |court| Box::pin(stale(court))),
        Row::new(Denial::GovernanceInconsistent, "the wall clock was set", |court| {
            Box::pin(inconsistent(court))
        }),
        Row::new(Denial::Overloaded, "a second request comes while the only place is taken", |court| {
            Box::pin(overloaded(court))
        }),
    ]
}

async fn halted(court: &Court, scope: &[&str]) -> Provoked {
    court.operate(&[&["halt"], scope].concat()).await;
    let provoked = court.provoke(court.good()).await;
    court.operate(&[&["resume"], scope].concat()).await;
    provoked
}

async fn stale(court: &Court) -> Provoked {
    court.publish(4, |bundle| bundle).await;
    // Court and filters find it out at about the same time, so either may be the first. Behind the court stands the seal.
    let by_a_filter = |answer: &ClientResponse| !answer.text().contains("\"decision\"");
    let provoked = until("the note to end", async || {
        let provoked = court.provoke(court.good()).await;
        let is_wanted = by_a_filter(&provoked.response) == (court.settings == Settings::Gated);
        (provoked.response.status != 200 && is_wanted).then_some(provoked)
    })
    .await;
    court.restore_bundle().await;
    provoked
}

async fn inconsistent(court: &Court) -> Provoked {
    court.machine.shift_clock_by(600);
    let provoked = court.provoke(court.good()).await;
    court.machine.shift_clock_by(0);
    court.wait_until_allowed().await;
    provoked
}

/// The disk takes no entry, so one request waits for it until its deadline, and the other finds no place. On a busy machine the
/// second may come only after that deadline; then both are sent again.
async fn overloaded(court: &Court) -> Provoked {
    court.machine.delay_syncs_by(Duration::from_secs(60));
    let provoked = until("a request to find no place", async || {
        let (one, other) = tokio::join!(court.provoke(court.good()), court.provoke(court.good()));
        let is_overloaded = |one: &Provoked| one.response.code().as_deref() == Some("overloaded");
        [one, other].into_iter().find(is_overloaded)
    })
    .await;
    court.machine.delay_syncs_by(Duration::ZERO);
    court.wait_until_allowed().await;
    Provoked { record: Record::Summary, ..provoked }
}
