//! What the server does when proxies ask for more than it can decide. First it gets as many checks as it can answer: that is
//! its sustainable rate. Then it gets four times as many, whether it answers or not.

use hyper::body::Bytes;
use portcullis_tests::condition::until;
use portcullis_tests::programs;
use portcullis_tests::server::Home;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::direct::{Answers, CONNECTIONS, Direct, ask};

/// Requests of a proxy that the server has not answered: `max_requests` of our configuration for Envoy. Envoy denies further
/// ones by itself.
const UNANSWERED_AT_MOST: usize = 512;

/// How many proxies ask: one, which holds back most of what is too much, and so many that the server must deny.
const PROXIES: [usize; 2] = [1, 4];

/// Requests at once while the sustainable rate is measured.
const AT_ONCE: usize = 256;

const TICK: Duration = Duration::from_millis(1);

/// Measures, and prints the results.
///
/// # Panics
/// When the server does not start, or ends.
pub async fn measure(seconds: usize) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let home = Home::init(directory.path(), &[]);
    let direct = Direct::start(&programs::portcullis(), &home).await;
    let warm_up = direct.ask_in_turn(direct.checks(4_000).await, AT_ONCE).await;
    let sustained = direct.ask_in_turn(direct.checks(warm_up.rate() as usize * 4).await, AT_ONCE).await;
    print("as many as it answers", &sustained, 0);
    let before = direct.server.most_memory();
    let rate = sustained.rate() * 4.0;
    println!("most memory: {} KiB", before / 1024);
    for proxies in PROXIES {
        // A check that the proxy holds back is not made: a proof holds for half a minute, and making so many takes as long.
        let checks = direct.checks(sustained.rate() as usize * 2 * seconds).await;
        let (answers, held_back) =
            at_rate(&direct, checks, rate, proxies, Duration::from_secs_f64(seconds as f64)).await;
        print(&format!("four times that, by {proxies} proxies"), &answers, held_back);
        println!("  allowed: {:.2} of the sustainable rate", answers.rate() / sustained.rate());
        println!("  most memory: {} KiB", direct.server.most_memory() / 1024);
    }
}

/// Sends checks at this rate, whether the server answers or not. Returns how many were not sent, because too many were
/// unanswered.
async fn at_rate(
    direct: &Direct,
    checks: Vec<Bytes>,
    a_second: f64,
    proxies: usize,
    during: Duration,
) -> (Answers, usize) {
    let connections = direct.connect(proxies * CONNECTIONS).await;
    let (answers, unanswered) = (Arc::new(Mutex::new(Answers::default())), Arc::<AtomicUsize>::default());
    let from = Instant::now();
    let mut next = tokio::time::interval(TICK);
    let (mut sent, mut held_back, mut checks) = (0, 0, checks.into_iter());
    'sending: while from.elapsed() < during {
        next.tick().await;
        let due = (from.elapsed().as_secs_f64() * a_second) as usize;
        while sent < due {
            sent += 1;
            if unanswered.load(Ordering::Relaxed) >= UNANSWERED_AT_MOST * proxies {
                held_back += 1;
                continue;
            }
            let Some(check) = checks.next() else { break 'sending };
            unanswered.fetch_add(1, Ordering::Relaxed);
            let connection = connections[sent % connections.len()].clone();
            let (answers, unanswered) = (Arc::clone(&answers), Arc::clone(&unanswered));
            tokio::spawn(async move {
                let at = Instant::now();
                let answer = ask(connection, check).await;
                unanswered.fetch_sub(1, Ordering::Relaxed);
                answers.lock().expect("no panic").add(answer, at.elapsed());
            });
        }
    }
    let took = from.elapsed();
    until("the last answers", async || (unanswered.load(Ordering::Relaxed) == 0).then_some(())).await;
    let mut answers = std::mem::take(&mut *answers.lock().expect("no panic"));
    answers.took = took;
    (answers, held_back)
}

fn print(what: &str, answers: &Answers, held_back: usize) {
    let (half, most) = (answers.within(0.5), answers.within(0.99));
    println!("{what}: {:.0} allowed a second, half within {half:?}, 99 % within {most:?}", answers.rate());
    println!("  denied (the slowest): {:?}", answers.denied);
    println!("  without an answer: {}, held back by the proxy: {held_back}", answers.missing);
}
