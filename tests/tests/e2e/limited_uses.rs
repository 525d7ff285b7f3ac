//! I2: once means once. Sixty-four presenters show the same warrant at the same moment, each with a proof of its own, while
//! the server is killed and restarted. Some warrants allow several uses, and some were delegated.

mod once;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use ledger::Ledger;
use ledger::entry::{Decision, DecisionOutcome, Entry};
use portcullis_tests::agent::{Agent, WarrantSpec, hello, payment};
use portcullis_tests::client::{ClientRequest, ClientResponse, Connection, Unanswered};
use portcullis_tests::condition::until;
use portcullis_tests::history::{Answer, History, Presentation};
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::random::Random;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::shipped::{CONNECTION_MANAGER, Configuration};
use portcullis_tests::signed_bundles::UnsignedBundle;
use portcullis_tests::world::{HOST, Setup, World};
use tokio::task::JoinSet;

use crate::bundles::Signers;

const PRESENTERS: usize = 64;
const PRESENTATIONS: usize = 20_000;
/// In one round of so many the server is killed, and in another one it is stopped.
const ROUNDS_WITH_A_KILL: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_warrant_is_executed_more_often_than_it_says_by_64_presenters_under_kills_and_restarts() {
    let mut random = Random::of_this_run("limited uses");
    let mut world = start().await;
    let from = Instant::now();
    let mut connections: Vec<Connection> =
        (0..PRESENTERS).map(|_| Connection::new(world.envoy.address())).collect();
    let mut history = History::default();
    let (mut rounds, mut kills, mut stops) = (0, 0, 0);
    while history.presentations.len() < PRESENTATIONS {
        let warrants = Warrants::random(&world.agent, rounds, &mut random);
        history.limits.extend(warrants.limits.clone());
        let interruption = match rounds % ROUNDS_WITH_A_KILL {
            7 => Some(Interruption::Kill { after: random.below(PRESENTERS) }),
            17 => Some(Interruption::Stop { after: random.below(PRESENTERS) }),
            _ => None,
        };
        let answers = present(&mut world, &mut connections, &warrants, interruption).await;
        match interruption {
            None => warrants.assert_all_used(rounds, &answers),
            Some(interruption) => {
                kills += usize::from(matches!(interruption, Interruption::Kill { .. }));
                stops += usize::from(matches!(interruption, Interruption::Stop { .. }));
                wait_until_allowed(&world).await;
                // Nobody knows which requests of this round burned a use: each presenter tries again.
                let again = present(&mut world, &mut connections, &warrants, None).await;
                history.presentations.extend(again);
            }
        }
        history.presentations.extend(answers);
        rounds += 1;
    }
    let [executed, replayed, unknown] =
        [Answer::Executed, Answer::Replayed, Answer::Unknown].map(|answer| history.count(answer));
    println!(
        "{rounds} warrants, {} presentations in {:?}: {executed} executed, {replayed} replayed, {unknown} unknown; {kills} kills, {stops} stops",
        history.presentations.len(),
        from.elapsed()
    );
    assert!(history.presentations.len() >= PRESENTATIONS && kills >= 10 && stops >= 10);
    assert!(executed >= rounds - kills - stops && replayed > executed && unknown > 0);
    let faults = history.faults(&executions(&world));
    assert!(faults.is_empty(), "{faults:#?}");
    assert_no_link_is_used_more_often_on_record(&mut world, 300).await;
    world.end().await;
}

/// A world where `errand` takes any warrant with a limit, and not only once-only ones.
async fn start() -> World {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let bundle = UnsignedBundle::of(&home).version(2).edit("routes/demo/errand.json", |errand| {
        errand["spec"]["require"]["use"] = "limited".into();
    });
    Signers::of(&home).publish(&bundle);
    // 64 requests at once must all get a decision, however busy the machine is: a late one would be denied with 503.
    home.configure(|configuration| configuration["limits"]["deadlineMilliseconds"] = 10_000.into());
    let change = |shipped: Configuration| {
        let timeout = format!("{CONNECTION_MANAGER}/http_filters/1/typed_config/grpc_service/timeout");
        shipped.set(&timeout, "20s".into())
    };
    Setup { change, ..Setup::default() }.start_in(directory, home).await
}

/// What happens to the server during a round, after this many answers.
#[derive(Clone, Copy, Debug)]
enum Interruption {
    Kill { after: usize },
    Stop { after: usize },
}

/// The warrants of one round. They come from one root, and each has its presenters.
struct Warrants {
    method: &'static str,
    target: String,
    presenters: Vec<Presenter>,
    limits: BTreeMap<String, usize>,
    /// How many requests are executed if all are presented and nothing interrupts them.
    uses: usize,
}

/// Who presents a warrant: the holder, the warrant and the names of its limited links.
#[derive(Clone)]
struct Presenter {
    agent: Agent,
    warrant: String,
    links: Vec<String>,
}

impl Warrants {
    /// A payment, a warrant with several uses, or a root with three delegations.
    fn random(agent: &Agent, round: usize, random: &mut Random) -> Warrants {
        let root = format!("root {round}");
        match random.below(4) {
            0 | 1 => Warrants::single(agent, &root, "POST", format!("/v1/payments/{round}"), &payment(), 1),
            2 => {
                let uses = 2 + random.below(8);
                Warrants::single(agent, &root, "GET", format!("/hello/{round}"), &hello(), uses)
            }
            _ => Warrants::family(agent, &root, round, 1 + random.below(4)),
        }
    }

    fn single(
        agent: &Agent,
        root: &str,
        method: &'static str,
        target: String,
        spec: &WarrantSpec,
        uses: usize,
    ) -> Warrants {
        let warrant = agent.warrant(&WarrantSpec { uses: Some(uses.try_into().unwrap()), ..spec.clone() });
        let presenter = Presenter { agent: agent.clone(), warrant, links: vec![root.to_owned()] };
        Warrants {
            method,
            target,
            presenters: vec![presenter],
            limits: BTreeMap::from([(root.to_owned(), uses)]),
            uses,
        }
    }

    /// A root, and three children of it for three other keys, each with as many uses as the root: together they have no
    /// more than the root. The last child has a child of its own.
    fn family(agent: &Agent, root: &str, round: usize, uses: usize) -> Warrants {
        let spec = |depth: u64| WarrantSpec {
            methods: vec!["POST".to_owned()],
            path: "/errands/**".to_owned(),
            uses: Some(uses.try_into().unwrap()),
            max_depth: 2,
            lifetime: 60 - 10 * depth,
            ..hello()
        };
        let key = |number| TestKey::stranger(Algorithm::Ed25519, number);
        let mut presenters = vec![Presenter {
            agent: agent.clone(),
            warrant: agent.warrant(&spec(0)),
            links: vec![root.to_owned()],
        }];
        for (parent, number) in [(0, 1), (0, 2), (0, 3), (3, 4)] {
            let Presenter { agent, warrant, links } = &presenters[parent];
            let link = format!("{root}, link {number}");
            let child = Presenter {
                warrant: agent.delegate(warrant, &spec(links.len().try_into().unwrap()), &key(number)),
                agent: Agent { holder: key(number), ..agent.clone() },
                links: [links.as_slice(), &[link]].concat(),
            };
            presenters.push(child);
        }
        let limits = presenters.iter().flat_map(|one| one.links.last().cloned()).map(|link| (link, uses));
        Warrants {
            method: "POST",
            target: format!("/errands/{round}"),
            limits: limits.collect(),
            presenters,
            uses,
        }
    }

    /// The request of a presenter, with a proof of its own.
    fn request(&self, presenter: usize) -> (ClientRequest, Vec<String>) {
        let Presenter { agent, warrant, links } = &self.presenters[presenter % self.presenters.len()];
        (agent.present(warrant, ClientRequest::new(self.method, HOST, &self.target)), links.clone())
    }

    fn assert_all_used(&self, round: usize, answers: &[Presentation]) {
        let count = |wanted| answers.iter().filter(|one| one.answer == wanted).count();
        assert_eq!(
            (count(Answer::Executed), count(Answer::Replayed)),
            (self.uses, PRESENTERS - self.uses),
            "round {round}, {} {}: {answers:?}",
            self.method,
            self.target
        );
    }
}

/// All presenters send their requests at the same time.
async fn present(
    world: &mut World,
    connections: &mut Vec<Connection>,
    warrants: &Warrants,
    interruption: Option<Interruption>,
) -> Vec<Presentation> {
    let mut requests = JoinSet::new();
    for (presenter, mut connection) in connections.drain(..).enumerate() {
        let (request, links) = warrants.request(presenter);
        requests.spawn(async move {
            let answer = connection.send(&request).await;
            (connection, answer, request.id, links)
        });
    }
    let mut presentations = Vec::new();
    loop {
        match interruption {
            Some(Interruption::Kill { after }) if presentations.len() == after => {
                world.server.process.kill();
                world.server = Server::start(&world.home).await;
            }
            Some(Interruption::Stop { after }) if presentations.len() == after => {
                assert_eq!(world.server.process.stop().await.code(), Some(0));
                world.server = Server::start(&world.home).await;
            }
            Some(_) | None => {}
        }
        let Some(done) = requests.join_next().await else { return presentations };
        let (connection, answer, request, links) = done.unwrap();
        if let Ok(response) = &answer {
            world.replay_check.note(response);
        }
        connections.push(connection);
        presentations.push(Presentation { request, links, answer: classify(&answer) });
    }
}

fn classify(answer: &Result<ClientResponse, Unanswered>) -> Answer {
    let Ok(response) = answer else { return Answer::Unknown };
    match (response.status, response.code().as_deref()) {
        (200, None) => Answer::Executed,
        (403, Some("replayed")) => Answer::Replayed,
        (503, _) => Answer::Unknown,
        other => panic!("no presenter expects {other:?}: {}", response.text()),
    }
}

async fn wait_until_allowed(world: &World) {
    until("a request to be allowed again", async || {
        let request = world.agent.request(&hello(), "GET", "/hello/after");
        (world.send(&request).await.status == 200).then_some(())
    })
    .await;
}

/// How often the upstream executed each request.
fn executions(world: &World) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for execution in world.upstream.executions() {
        *times
            .entry(execution.request_id().expect("the client names each request").to_owned())
            .or_default() += 1;
    }
    times
}

/// The record says the same: no path of links was allowed more often than its last link says, and every execution is on it.
/// There are at least `fewest` such paths.
async fn assert_no_link_is_used_more_often_on_record(world: &mut World, fewest: usize) {
    assert!(world.server.process.stop().await.success());
    let mut allowed: BTreeMap<Vec<String>, (u64, u64)> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for record in Ledger::entries(&world.home.file("ledger"), 0).unwrap() {
        let Entry::Decision(decision) = record.unwrap().entry else { continue };
        let Decision { chain, outcome: DecisionOutcome::Allowed, id, .. } = decision else { continue };
        ids.insert(id);
        let path: Vec<String> = chain.iter().map(|link| link.jti.clone()).collect();
        for (depth, link) in chain.iter().enumerate() {
            if let Some(limit) = link.r#use {
                let (times, most) = allowed.entry(path[..=depth].to_vec()).or_default();
                *times += 1;
                *most = limit;
            }
        }
    }
    let wrong: Vec<_> = allowed.iter().filter(|(_, (times, most))| times > most).collect();
    assert!(wrong.is_empty(), "allowed on record more often than the link says: {wrong:?}");
    let missing: Vec<_> = world.upstream.decisions().difference(&ids).cloned().collect();
    assert!(missing.is_empty(), "executed, and not on record: {missing:?}");
    println!("on record: {} allows, {} paths of links with a limit", ids.len(), allowed.len());
    assert!(allowed.len() >= fewest, "{} of {fewest}", allowed.len());
}
