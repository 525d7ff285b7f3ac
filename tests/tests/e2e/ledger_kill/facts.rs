//! The server is killed while operators post facts and requests are decided: no acknowledged fact is missing after the start,
//! and every decision is judged again to the same bytes.

use portcullis_tests::soak::rounds;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;

/// In `./dev test`; `./dev soak` makes ten rounds.
const KILLS_A_ROUND: usize = 5;
const POSTERS: usize = 4;
const REQUESTS_A_KILL: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kills_at_random_moments_while_facts_are_posted_none_that_was_acknowledged_is_missing() {
    let kills = KILLS_A_ROUND * usize::try_from(rounds()).unwrap();
    let mut random = Random::of_this_run("kills while facts are posted");
    let mut world = World::start().await;
    let mut load = Load::start(&world);
    let mut acknowledged = BTreeMap::new();
    for kill in 0..kills {
        load.add(REQUESTS_A_KILL);
        let posters = Posters::start(&world.home, kill);
        // A caller may post a hundred facts at once.
        posters.wait_for(1 + random.below(60)).await;
        world.server.process.kill();
        let posted = posters.ended().await;
        // The load may have had all that was ordered before the kill. These requests meet a server that is not there.
        load.add(REQUESTS_A_KILL);
        load.wait_for_more_denials().await;
        world.server = Server::start(&world.home).await;
        // The start has it in force, and not only on the disk.
        let (index, fact) =
            posted.iter().find(|(_, fact)| fact.is_revocation).expect("each poster begins with one");
        let (status, again) = fact.post(&world.home).await.unwrap();
        assert_eq!((status, &again["index"]), (200, &json!(index)), "{again}");
        acknowledged.extend(posted);
        load.wait_for(load.ordered).await;
    }
    load.stop().await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/last")).await;
    world.server.process.stop().await;
    let on_record: BTreeMap<u64, String> = Ledger::entries(&world.home.file("ledger"), 0)
        .unwrap()
        .map(|record| record.unwrap())
        .filter_map(|record| Some((record.index, reason(record.entry)?)))
        .collect();
    for (index, fact) in &acknowledged {
        assert_eq!(on_record.get(index), Some(&fact.reason), "it was acknowledged as entry {index}");
    }
    println!("{kills} kills: {} facts acknowledged, {} on record", acknowledged.len(), on_record.len());
    assert!(acknowledged.len() >= kills, "each kill came after a fact");
    // This judges every decision again.
    world.end().await;
}

/// The reason of a fact of these two kinds.
fn reason(entry: Entry) -> Option<String> {
    if let Entry::Revocation(fact) = entry {
        Some(fact.reason)
    } else if let Entry::Posture(fact) = entry {
        Some(fact.reason)
    } else {
        None
    }
}

/// A fact as an operator posts it. Its reason tells it from all others.
#[derive(Clone, Debug)]
struct Fact {
    is_revocation: bool,
    reason: String,
}

impl Fact {
    /// `None` if there was no answer.
    async fn post(&self, home: &Home) -> Option<(u16, Value)> {
        let reason = &self.reason;
        let (method, path, body) = if self.is_revocation {
            ("POST", "/v1/revocations", json!({"what": "sub", "value": reason, "reason": reason}))
        } else {
            // A route that the load does not use.
            let body = json!({"scope": "route", "subject": "pay", "stance": "halted", "reason": reason});
            ("PUT", "/v1/posture", body)
        };
        let body = serde_json::to_vec(&body).unwrap().into();
        let request = ClientRequest { body, ..ClientRequest::new(method, "localhost", path) };
        let response = request.send_to_socket(&home.api()).await.ok()?;
        Some((response.status, serde_json::from_slice(&response.body).unwrap()))
    }
}

/// Operators who post facts until there is no answer.
struct Posters {
    /// By the index that was answered.
    acknowledged: Arc<Mutex<BTreeMap<u64, Fact>>>,
    tasks: JoinSet<()>,
}

impl Posters {
    fn start(home: &Home, kill: usize) -> Posters {
        let acknowledged: Arc<Mutex<BTreeMap<u64, Fact>>> = Arc::default();
        let mut tasks = JoinSet::new();
        for poster in 0..POSTERS {
            let (home, acknowledged) = (home.clone(), acknowledged.clone());
            tasks.spawn(async move {
                for n in 0.. {
                    let fact = Fact { is_revocation: n % 2 == 0, reason: format!("{kill}-{poster}-{n}") };
                    match fact.post(&home).await {
                        Some((201, answer)) => {
                            let index = answer["index"].as_u64().unwrap();
                            assert!(acknowledged.lock().unwrap().insert(index, fact).is_none());
                        }
                        Some((429, _)) => tokio::task::yield_now().await,
                        Some((status, answer)) => panic!("{status}: {answer}"),
                        None => return,
                    }
                }
            });
        }
        Posters { acknowledged, tasks }
    }

    async fn wait_for(&self, count: usize) {
        until("facts to be acknowledged", async || {
            (self.acknowledged.lock().unwrap().len() >= count).then_some(())
        })
        .await;
    }

    /// Waits until no poster gets an answer any more. Returns the facts that were acknowledged.
    async fn ended(self) -> BTreeMap<u64, Fact> {
        self.tasks.join_all().await;
        Arc::into_inner(self.acknowledged).unwrap().into_inner().unwrap()
    }
}
