//! Evidence for an auditor: one folder, whose own page says how to verify it. The tests run the page's commands on a real folder,
//! and change bytes in it.

use portcullis_tests::agent::hello;
use portcullis_tests::client::ClientRequest;
use portcullis_tests::command::portcullis;
use portcullis_tests::condition::until;
use portcullis_tests::guide::{blocks, shell};
use portcullis_tests::ledger_auditor::{LedgerAuditor, copy, files};
use portcullis_tests::world::{HOST, World};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Entries that are exported: the second bundle, whose decisions name one in the first.
const RANGE: [&str; 4] = ["--from", "300", "--to", "310"];

/// A world with so many decisions on one warrant that the second bundle is full. The server keeps running.
async fn world_with_two_bundles() -> (World, LedgerAuditor) {
    let world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    let often = world.agent.warrant(&hello());
    for n in 0..280 {
        let greet = ClientRequest::new("GET", HOST, &format!("/hello/{n}"));
        world.allows(&world.agent.present(&often, greet)).await;
    }
    until("two bundles to be published", async || (auditor.entries().len() > 512).then_some(())).await;
    (world, auditor)
}

/// Exports the range as evidence. Returns the folder, the exit status and what was printed.
fn export(ledger: &Path, folder: PathBuf, further: &[&str]) -> (PathBuf, i32, String) {
    let place = [ledger, &folder].map(|path| path.to_str().unwrap());
    let words = ["ledger", "export", place[0], "--evidence", place[1]];
    let done = portcullis(&[&words[..], &RANGE, further].concat());
    assert_eq!(done.err, "");
    (folder, done.status, done.out)
}

/// The commands of the folder's page, each block as it is.
fn blocks_of_page(folder: &Path) -> Vec<String> {
    let page = fs::read_to_string(folder.join("README.md")).unwrap();
    assert!(!page.contains("{{"), "{page}");
    blocks(&page, "sh")
}

/// Runs a block in the folder. Returns whether it succeeded, and what it printed.
fn run(folder: &Path, block: &str) -> (bool, String) {
    let output = shell(folder, block);
    let printed = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&printed).into_owned())
}

/// Whether all blocks that need no program of ours succeed.
fn holds_without_us(folder: &Path) -> bool {
    let blocks = blocks_of_page(folder);
    let others: Vec<&String> = blocks.iter().filter(|block| !block.contains("portcullis ")).collect();
    assert_eq!(others.len(), 5, "cmp, sha256sum, openssl, the tree, the authorities' keys");
    others.iter().all(|block| run(folder, block).0)
}

#[tokio::test]
async fn every_command_of_the_page_verifies_the_folder_and_refuses_every_changed_file() {
    let (world, auditor) = world_with_two_bundles().await;
    let config = world.home.file("portcullis.yaml");
    let (folder, status, printed) = export(
        &auditor.folder(),
        world.directory().join("evidence"),
        &["--config", config.to_str().unwrap()],
    );
    assert!(status == 0 && printed.contains("entries 256 to 511 of demo/log/"), "{printed}");
    assert!(printed.contains("1 earlier entries, 1 policy bundles"), "{printed}");

    let blocks = blocks_of_page(&folder);
    let told: Vec<String> = blocks
        .iter()
        .map(|block| {
            let (succeeded, told) = run(&folder, block);
            assert!(succeeded, "{block}\n{told}");
            told
        })
        .collect();
    let told = told.join("\n");
    for line in [
        "holds: entries 256 to 511 of demo/log/",
        "0 differ",
        "Signature Verified Successfully",
        "https://authority.demo",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(
        told.contains("holds: entries 256 to 511 of 5") || told.contains("holds: entries 256 to 511 of 6")
    );
    let keys: Value =
        serde_json::from_slice(&fs::read(folder.join("keys/receipt-jwks.json")).unwrap()).unwrap();
    assert!(keys["keys"][0]["x"].is_string() && keys["keys"][0].get("d").is_none(), "{keys}");
    assert_no_secrets(&world, &folder);

    // Each decision can be read from the folder alone: also its terms, which an earlier entry says.
    let exported = auditor.run("export", &folder, &["--kind", "decision/1"]).success();
    assert!(exported.lines().count() > 100, "{exported}");
    let said_at = exported.lines().find_map(|line| {
        serde_json::from_str::<Value>(line).unwrap()["entry"]["terms"].as_u64().filter(|index| *index < 256)
    });
    assert!(said_at.is_some(), "a decision names an entry of the first bundle");

    let mut tried = 0;
    for file in files(&folder).into_iter().filter(|file| file.starts_with(folder.join("log"))) {
        let bytes = fs::read(&file).unwrap();
        for at in [0, bytes.len() - 2, bytes.len() / 2] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            overwrite(&file, &changed);
            let audit = auditor.audit(&folder, &[]);
            assert_eq!(audit.status, 1, "byte {at} of {}: {audit:?}", file.display());
            tried += 1;
        }
        // The last change is still there. The digests are an accident's witness only: an attacker writes them anew.
        write_sums(&folder);
        assert!(!holds_without_us(&folder), "{}", file.display());
        overwrite(&file, &bytes);
        write_sums(&folder);
    }
    assert!(tried >= 15, "{tried}");
    assert!(holds_without_us(&folder), "as before the changes");
    auditor.audit(&folder, &[]).expect_holds();
    world.end().await;
}

#[tokio::test]
async fn a_policy_bundle_that_is_changed_missing_or_added_is_named() {
    let (world, auditor) = world_with_two_bundles().await;
    let (folder, ..) = export(&auditor.folder(), world.directory().join("evidence"), &[]);
    let page = fs::read_to_string(folder.join("README.md")).unwrap();
    assert!(page.contains("No policy bundle that a decision names is missing."), "{page}");
    assert!(page.contains("made without the server's configuration"), "{page}");
    let [bundle] = &files(&folder.join("bundles"))[..] else { panic!("one bundle") };
    let bytes = fs::read(bundle).unwrap();

    let text = String::from_utf8(bytes.clone()).unwrap();
    overwrite(bundle, text.replace("agent:demo", "agent:evil").as_bytes());
    auditor.audit(&folder, &[]).expect_fault("this copy of a bundle is damaged");
    assert!(!holds_without_us(&folder));
    overwrite(bundle, &bytes);
    auditor.audit(&folder, &[]).expect_holds();

    let foreign = folder.join("bundles/notes.txt");
    overwrite(&foreign, b"x");
    auditor.audit(&folder, &[]).expect_fault("evidence.json does not list this file");
    fs::remove_file(&foreign).unwrap();
    fs::remove_file(bundle).unwrap();
    auditor.audit(&folder, &[]).expect_fault("the file is missing");

    // The list is not signed, so a false one must cost nothing.
    let list = folder.join("evidence.json");
    let mut false_list: Value = serde_json::from_slice(&fs::read(&list).unwrap()).unwrap();
    let size = u64::MAX - 1;
    false_list["size"] = size.into();
    false_list["entries"]["last"] = (size - 1).into();
    overwrite(&list, false_list.to_string().as_bytes());
    auditor.audit(&folder, &[]).expect_fault("far more entries than are here");

    // A ledger that has lost the bundle: the page, the output and the exit status say so.
    let damaged = world.directory().join("damaged");
    copy(&auditor.folder(), &damaged);
    fs::remove_file(damaged.join("bundles").join(bundle.file_name().unwrap())).unwrap();
    let (folder, status, printed) = export(&damaged, world.directory().join("incomplete"), &[]);
    assert!(status == 1 && printed.contains("MISSING: bundle sha256:"), "{printed}");
    assert!(fs::read_to_string(folder.join("README.md")).unwrap().contains("**Missing.**"));
    let findings = auditor.audit(&folder, &[]).expect_holds();
    assert_eq!(findings["evidence"]["missingBundles"].as_array().unwrap().len(), 1, "{findings}");
    let replayed = auditor.run("replay", &folder, &[]);
    assert!(replayed.status == 2 && replayed.out.contains("is missing"), "{replayed:?}");
    world.end().await;
}

#[tokio::test]
async fn evidence_is_made_only_from_entries_that_are_there_and_only_as_a_new_folder() {
    let (world, auditor) = world_with_two_bundles().await;
    let ledger = auditor.folder().display().to_string();
    let folder = world.directory().join("evidence").display().to_string();
    let refused = |place: &str, words: &[&str]| {
        let done = portcullis(&[&["ledger", "export", place, "--evidence", &folder], words].concat());
        assert_eq!((done.status, done.out.as_str()), (2, ""), "{words:?}");
        done.err
    };
    assert!(refused(&ledger, &["--from", "1", "--to", "99999"]).contains("entries are published"));
    assert!(refused(&ledger, &["--from", "9", "--to", "8"]).contains("there are no entries 9 to 8"));
    assert!(refused(&ledger, &["--from", "9"]).contains("--to"));
    assert!(refused(&ledger, &[&RANGE[..], &["--route", "hello"]].concat()).contains("--route"));
    let log = auditor.folder().join("log").display().to_string();
    let key = auditor.key().to_str().unwrap();
    assert!(refused(&log, &[&RANGE[..], &["--vkey", key]].concat()).contains("whole directory"));
    assert!(!Path::new(&folder).exists(), "nothing was made");

    export(&auditor.folder(), folder.clone().into(), &[]);
    assert!(refused(&ledger, &RANGE).contains("cannot make the new folder"));
    // A part cannot show that a log only grew, and does not grow itself.
    let previous = ["--previous", &format!("{folder}/log/checkpoint")];
    let told = auditor.run("verify", &folder, &previous);
    assert!(told.status == 2 && told.err.contains("needs the whole log"), "{told:?}");
    assert_eq!(auditor.run("tail", &folder, &[]).status, 2);
    world.end().await;
}

/// No private key and no token of the server is in any file.
fn assert_no_secrets(world: &World, folder: &Path) {
    let all: Vec<u8> = files(folder).iter().flat_map(|file| fs::read(file).unwrap()).collect();
    let all = String::from_utf8_lossy(&all);
    let mut secrets = 0;
    for file in files(&world.home.file("keys")) {
        let text = fs::read_to_string(&file).unwrap();
        let secret = serde_json::from_str::<Value>(&text).map_or_else(
            |_| text.trim().to_owned(),
            |key| key["d"].as_str().or(key["k"].as_str()).unwrap().to_owned(),
        );
        assert!(secret.len() > 20 && !all.contains(&secret), "{}", file.display());
        secrets += 1;
    }
    assert!(secrets >= 5, "{secrets}");
}

fn write_sums(folder: &Path) {
    let command = "find . -type f ! -name SHA256SUMS | sort | xargs sha256sum > SHA256SUMS";
    assert!(run(folder, command).0);
}

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn overwrite(file: &Path, bytes: &[u8]) {
    fs::write(file, bytes).unwrap();
}
