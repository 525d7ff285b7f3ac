//! Runs the runbooks of `docs/operations.md` against a real server and a real Envoy, each block as it is and in its order, and checks
//! what is different afterwards.
//!
//! A command that ends in `# exit status N` must end with that status. A `text` block contains parts of what the block before it printed.
//! These things differ from an operator's machine:
//!
//! - there is no systemd: the harness stops and starts the server where the page says `systemctl`, `serve --restored &` or `kill $!`;
//! - the address for health and the one of Envoy are free ports, and `/usr/local/bin` is a directory of the test;
//! - the disk is full for the server alone, and space is freed by the harness: freeing or replacing a disk cannot run in a test.

use portcullis_tests::agent::{Agent, WarrantSpec, hello, payment};
use portcullis_tests::client::{ClientRequest, get};
use portcullis_tests::condition::{until, until_within};
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::ledger_auditor::{LedgerAuditor, copy};
use portcullis_tests::operator::{call_api, done};
use portcullis_tests::preloaded_faults::PreloadedFaults;
use portcullis_tests::programs;
use portcullis_tests::server::{Home, Server};
use portcullis_tests::world::{HOST, Setup, World};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

/// A world, and the operator who reads one runbook in it.
struct Operator {
    world: World,
    blocks: std::vec::IntoIter<(String, String)>,
    programs: PathBuf,
    printed: String,
}

impl Operator {
    /// An operator who has read `Look first`, and begins with this runbook.
    async fn with(runbook: &str) -> Operator {
        Operator::in_world(World::start().await, runbook).await
    }

    async fn in_world(world: World, runbook: &str) -> Operator {
        let programs = programs::portcullis().parent().unwrap().to_owned();
        let mut operator =
            Operator { world, blocks: runbook_of("Look first"), programs, printed: String::new() };
        operator.run_all().await;
        assert!(operator.printed.contains("\"ready\":true"), "{}", operator.printed);
        operator.blocks = runbook_of(runbook);
        operator
    }

    /// Runs all blocks that are left.
    async fn run_all(&mut self) {
        while self.blocks.len() > 0 {
            self.run_next().await;
        }
    }

    /// Runs the next block of commands, and compares what it prints with the text after it.
    async fn run_next(&mut self) {
        let (kind, commands) = self.blocks.next().expect("the runbook has another block");
        assert_eq!(kind, "sh", "{commands}");
        self.printed.clear();
        let mut script = String::new();
        for line in commands.lines() {
            let (stop, start) = (line == "systemctl stop portcullis", line == "systemctl start portcullis");
            let restored = line.starts_with("portcullis serve ") && line.ends_with(" --restored &");
            if !(stop || start || restored || line == "kill $!") {
                script.push_str(line);
                script.push('\n');
                continue;
            }
            self.shell(&std::mem::take(&mut script));
            if start || restored {
                let home = &self.world.home;
                self.world.server =
                    if restored { Server::start_restored(home).await } else { Server::start(home).await };
                self.world.until_gates_know().await;
            } else {
                self.world.server.process.stop().await;
            }
        }
        self.shell(&script);
        if commands.contains("portcullis policy sign") {
            self.until_activated().await;
        }
        let text = self.blocks.as_slice().first().filter(|(kind, _)| kind == "text").cloned();
        if let Some((_, text)) = text {
            self.blocks.next();
            for line in text.lines() {
                assert!(self.printed.contains(line), "{line:?} is not in\n{}", self.printed);
            }
        }
    }

    fn shell(&mut self, script: &str) {
        if script.is_empty() {
            return;
        }
        let lines: Vec<String> = script.lines().map(with_status_check).collect();
        let health = self.world.server.health();
        let here = [
            ("127.0.0.1:9181", health.to_string()),
            ("portcullis request ", format!("portcullis request --via {} ", self.world.envoy.address())),
            ("/usr/local/bin", self.programs.display().to_string()),
        ];
        let script = here.iter().fold(lines.join("\n"), |script, (there, here)| script.replace(there, here));
        let script = format!("set -eu; PATH={}:$PATH\n{script}", self.programs.display());
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(self.world.directory());
        let Output { status, stdout, stderr } =
            self.world.run_other_client(|| command.output()).expect("the shell runs");
        let printed = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
        assert!(status.success(), "{script}\n{printed}");
        self.printed.push_str(&printed);
    }

    /// Waits until so many entries are published: the commands that read the ledger see only those.
    async fn until_published(&self, kind: &str, count: usize) {
        let auditor = LedgerAuditor::new(&self.world.home, self.world.directory());
        until("entries to be published", async || (auditor.of_kind(kind).len() >= count).then_some(())).await;
    }

    /// Waits until the bundle that was signed is in force, and every filter has it.
    async fn until_activated(&mut self) {
        let signed = self.printed.rsplit_once("signed version ").expect("what `policy sign` printed").1;
        let version =
            format!("portcullis_bundle_version {}", signed.split_whitespace().next().unwrap_or_default());
        let health = self.world.server.health();
        until(&version, async || {
            get(health, "/metrics").await.filter(|metrics| metrics.text().contains(&version))
        })
        .await;
        self.world.until_gates_know().await;
    }
}

/// The blocks of one runbook, each with its kind.
fn runbook_of(title: &str) -> std::vec::IntoIter<(String, String)> {
    let page = fs::read_to_string(programs::repository().join("docs/operations.md")).unwrap();
    let runbook = page.split("\n## ").find_map(|part| part.strip_prefix(title)?.strip_prefix('\n'));
    let runbook = runbook.unwrap_or_else(|| panic!("there is no runbook {title:?}"));
    let blocks = runbook.split("\n```").skip(1).step_by(2);
    let blocks: Vec<(String, String)> = blocks
        .map(|block| {
            let (kind, text) = block.split_once('\n').unwrap();
            (kind.to_owned(), text.to_owned())
        })
        .collect();
    assert!(!blocks.is_empty(), "{title}");
    blocks.into_iter()
}

fn with_status_check(line: &str) -> String {
    match line.split_once(" # exit status ") {
        None => line.to_owned(),
        Some((command, status)) => {
            format!(
                "got=0; {command} || got=$?; [ \"$got\" = {status} ] || {{ echo \"exit status $got\" >&2; exit 9; }}"
            )
        }
    }
}

#[test]
fn every_runbook_has_a_test() {
    let page = fs::read_to_string(programs::repository().join("docs/operations.md")).unwrap();
    let titles: BTreeSet<&str> =
        page.split("\n## ").skip(1).map(|part| part.lines().next().unwrap()).collect();
    let own = include_str!("operations.rs");
    for title in &titles {
        assert!(
            own.contains(&format!("(\"{title}\")")) || own.contains(&format!(", \"{title}\")")),
            "{title}"
        );
    }
    assert!(titles.len() >= 10, "{titles:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halted_mesh_is_understood_and_resumed() {
    let world = World::start().await;
    let mut operator = Operator::in_world(world, "A halted mesh").await;
    done(&operator.world.home, &["halt"]);
    let request = operator.world.agent.request(&hello(), "GET", "/hello/you");
    operator.world.denies(&request, 503, "halted").await;
    operator.until_published("posture/1", 1).await;
    operator.run_all().await;
    operator.world.allows(&operator.world.agent.request(&hello(), "GET", "/hello/you")).await;
    operator.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_server_is_restored_with_all_its_facts() {
    let mut operator = Operator::with("Back up").await;
    let revoked = operator.world.agent.warrant(&hello());
    let greet = |world: &World, warrant: &str| {
        world.agent.present(warrant, ClientRequest::new("GET", HOST, "/hello/you"))
    };
    operator.world.allows(&greet(&operator.world, &revoked)).await;
    let root = warrant::PresentedWarrant::parse(revoked.as_bytes()).unwrap();
    let jti = root.unverified_claims().unwrap()[0].jti().to_owned();
    done(&operator.world.home, &["revoke", "path", &jti, "--iss", "https://authority.demo"]);
    operator.run_all().await;

    // After the backup.
    operator.world.allows(&operator.world.agent.request(&hello(), "GET", "/hello/after")).await;
    operator.world.replay_check.skip_because("the restored ledger is a new log with an origin of its own");
    operator.blocks = runbook_of("Restore");
    operator.run_next().await;
    let request = operator.world.agent.request(&hello(), "GET", "/hello/you");
    operator.world.denies(&request, 503, "halted").await;
    operator.run_next().await;
    operator.run_next().await;
    // As the page says: no proof is taken for half a minute.
    until_within(Duration::from_secs(90), "proofs to be taken again", async || {
        let request = operator.world.agent.request(&hello(), "GET", "/hello/you");
        (operator.world.send(&request).await.status == 200).then_some(())
    })
    .await;
    operator.run_all().await;
    let world = operator.world;
    world.denies(&greet(&world, &revoked), 403, "revoked").await;
    world.allows(&world.agent.request(&payment(), "POST", "/v1/payments/42")).await;
    let (_, list) = call_api(&world.home, "GET", "/v1/revocations", &Value::Null).await;
    assert!(list.to_string().contains("agent:thief"), "{list}");
    assert!(world.directory().join("home.lost/ledger/log.vkey").exists());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_key_of_the_authority_is_revoked_and_replaced() {
    let mut operator = Operator::with("The authority's key is stolen").await;
    operator.world.allows(&operator.world.agent.request(&hello(), "GET", "/hello/you")).await;
    operator.run_next().await;
    // The agent of the harness signs with the stolen key.
    let by_the_thief = operator.world.agent.request(&hello(), "GET", "/hello/you");
    operator.world.denies(&by_the_thief, 403, "revoked").await;
    operator.until_published("decision/1", 2).await;
    operator.run_all().await;
    let by_the_thief = operator.world.agent.request(&hello(), "GET", "/hello/you");
    operator.world.denies_with_status(&by_the_thief, 401).await;
    // After the restart the authority still signs with the new key.
    operator.blocks = runbook_of("Look first");
    operator.run_all().await;
    operator.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_key_of_a_holder_is_revoked_and_the_agent_gets_another() {
    let mut operator = Operator::with("A holder's key is stolen").await;
    operator.world.allows(&operator.world.agent.request(&hello(), "GET", "/hello/you")).await;
    operator.until_published("decision/1", 2).await;
    operator.run_all().await;
    let by_the_thief = operator.world.agent.request(&hello(), "GET", "/hello/you");
    operator.world.denies(&by_the_thief, 403, "revoked").await;
    operator.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_key_of_statements_is_replaced_at_the_server_and_in_every_filter() {
    let mut operator = Operator::with("The key of statements is stolen").await;
    let configuration = async |home: &Home| {
        let list = call_api(home, "GET", "/v1/proxies", &Value::Null).await.1;
        list["proxies"][0]["configuration"].as_str().expect("a proxy that asks").to_owned()
    };
    operator.world.until_gates_know().await;
    let before = configuration(&operator.world.home).await;
    operator.run_all().await;
    assert_ne!(before, configuration(&operator.world.home).await, "the filters have another pin");
    operator.world.allows(&operator.world.agent.request(&hello(), "GET", "/hello/you")).await;
    operator.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_key_of_receipts_is_replaced() {
    let mut operator = Operator::with("The key of receipts is stolen").await;
    operator.run_all().await;
    operator.world.allows(&operator.world.agent.request(&hello(), "GET", "/hello/you")).await;
    operator.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_policy_is_replaced_by_the_last_good_one_and_what_it_allowed_is_listed() {
    let mut operator = Operator::with("A wrong policy is in force").await;
    let directory = operator.world.directory().to_owned();
    copy(&operator.world.home.file("policy"), &directory.join("good"));
    let wrong = operator.world.home.file("policy/routes/demo/hello.yaml");
    let text = fs::read_to_string(&wrong).unwrap();
    overwrite(&wrong, &text.replace("\"agent:demo\"", "\"agent:demo\", \"agent:other\""));
    operator.shell("(cd home && portcullis policy sign)\n");
    operator.until_activated().await;
    operator.world.allows(&by_another(&operator.world)).await;
    operator.until_published("decision/1", 2).await;
    operator.run_all().await;
    operator.world.denies(&by_another(&operator.world), 403, "policy-denied").await;
    operator.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_understood_freed_and_relieved_by_an_archive() {
    let mut world = World::start().await;
    world.server.process.stop().await;
    let machine = PreloadedFaults::new(world.directory());
    world.server = Server::start_with_faults(&world.home, &machine).await;
    world.envoy.until_governed().await;
    let often = world.agent.warrant(&hello());
    for n in 0..150 {
        let greet = ClientRequest::new("GET", HOST, &format!("/hello/{n}"));
        world.allows(&world.agent.present(&often, greet)).await;
    }
    let mut operator = Operator::in_world(world, "A full disk").await;
    let auditor = LedgerAuditor::new(&operator.world.home, operator.world.directory());
    until("a bundle to be full", async || (auditor.entries().len() > 256).then_some(())).await;
    machine.fill_disk();
    operator.world.allows(&operator.world.agent.request(&hello(), "GET", "/hello/you")).await;
    let server = &operator.world.server;
    until("the remark about the disk", async || {
        server.readiness_of("ledger").await.ok().filter(|remark| !remark.is_empty())
    })
    .await;
    operator.run_next().await;
    // The page says here: free space on that disk. A test can neither delete what is not its own nor replace a disk.
    machine.free_disk();
    let server = &operator.world.server;
    until("the ledger to be published again", async || {
        server.readiness_of("ledger").await.ok().filter(String::is_empty)
    })
    .await;
    operator.run_all().await;
    assert!(operator.world.directory().join("archive/tile/entries/000").exists());
    operator.world.allows(&operator.world.agent.request(&hello(), "GET", "/hello/you")).await;
    operator.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_asks_the_new_version_first_and_then_replaces_the_program_and_the_module() {
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let [installed, new] = ["bin", "new"].map(|name| directory.path().join(name));
    for place in [&installed, &new] {
        fs::create_dir(place).unwrap();
        fs::copy(programs::portcullis(), place.join("portcullis")).unwrap();
    }
    fs::copy(programs::module(), new.join("portcullis_gate.wasm")).unwrap();
    let home = Home::init_by(&installed.join("portcullis"), directory.path(), &[]);
    let world = Setup::default().start_in(directory, home).await;
    let mut operator = Operator::in_world(world, "An upgrade").await;
    operator.programs = installed.clone();
    operator.until_published("decision/1", 1).await;
    let before = changed_at(&installed.join("portcullis"));
    operator.run_all().await;
    assert!(before < changed_at(&installed.join("portcullis")), "another file is installed");
    operator.world.allows(&operator.world.agent.request(&hello(), "GET", "/hello/you")).await;
    operator.world.end().await;
}

/// A request of an agent that only the wrong policy allows.
fn by_another(world: &World) -> ClientRequest {
    let spec = WarrantSpec { holder: "agent:other".to_owned(), ..hello() };
    let agent = Agent { holder: TestKey::stranger(Algorithm::Es256, 7), ..world.agent.clone() };
    agent.request(&spec, "GET", "/hello/you")
}

fn changed_at(file: &Path) -> SystemTime {
    fs::metadata(file).unwrap().modified().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn overwrite(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
}
