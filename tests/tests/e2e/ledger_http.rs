//! The log over HTTP: strangers check it, and entries are for those who may read them.

use portcullis_tests::agent::hello;
use portcullis_tests::client::{Answer, Ask};
use portcullis_tests::condition::until;
use portcullis_tests::record::{Record, copy, python_reader};
use portcullis_tests::world::World;
use std::fs;
use std::path::Path;
use std::process::Command;

async fn get(world: &World, path: &str, token: Option<&str>) -> Answer {
    let http = world.court.http();
    let ask = Ask::new("GET", &http.to_string(), path);
    let ask = match token {
        Some(token) => ask.with("authorization", format!("Bearer {token}")),
        None => ask,
    };
    ask.send(http).await.unwrap()
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_stranger_fetches_the_log_and_a_reader_in_another_language_accepts_it() {
    let world = World::start().await;
    let record = Record::of(&world.home, world.directory());
    for n in 0..200 {
        world.allows(&world.agent.asks(&hello(), "GET", &format!("/hello/{n}"))).await;
    }
    // With the last outcome the log stands still.
    until("all outcomes to be published", async || (record.of_kind("outcome/1").len() == 200).then_some(()))
        .await;
    let token = fs::read_to_string(world.home.file("keys/read-log.token")).unwrap().trim().to_owned();

    let checkpoint = get(&world, "/log/checkpoint", None).await;
    assert_eq!(checkpoint.status, 200);
    assert_eq!(header(&checkpoint, "content-type"), "text/plain; charset=utf-8");
    assert_eq!(header(&checkpoint, "cache-control"), "no-cache");
    let size: u64 = checkpoint.text().lines().nth(1).unwrap().parse().unwrap();
    let (full, rest) = (size / 256, size % 256);
    assert!(full == 1 && rest > 0, "one full bundle and a partial one: {size}");

    let fetched = world.directory().join("fetched");
    keep(&fetched.join("checkpoint"), &checkpoint.body);
    let names = |level: &str| [format!("tile/{level}/000"), format!("tile/{level}/001.p/{rest}")];
    let hashes = names("0").into_iter().chain(["tile/1/000.p/1".to_owned()]);
    for name in hashes {
        let tile = get(&world, &format!("/log/{name}"), None).await;
        assert_eq!((tile.status, header(&tile, "content-type")), (200, "application/octet-stream"), "{name}");
        assert!(header(&tile, "cache-control").contains("immutable"), "{name}");
        keep(&fetched.join(&name), &tile.body);
    }
    for name in names("entries") {
        let path = format!("/log/{name}");
        let closed = get(&world, &path, None).await;
        assert_eq!(closed.status, 401, "entries are not for everybody");
        assert!(header(&closed, "www-authenticate").starts_with("Bearer"));
        for wrong in ["", "x", &format!("{token}x"), &token.to_uppercase()] {
            assert_eq!(get(&world, &path, Some(wrong)).await.status, 401, "{wrong}");
        }
        let bundle = get(&world, &path, Some(&token)).await;
        assert_eq!(bundle.status, 200);
        keep(&fetched.join(&name), &bundle.body);
    }
    for none in ["tile/0/0", "tile/0/009", "tile/0/000.p/0", "../handed-out", "wal", "log.vkey", "tile/9/000"]
    {
        assert_eq!(get(&world, &format!("/log/{none}"), Some(&token)).await.status, 404, "{none}");
    }

    assert_eq!(get(&world, "/log/proof/5", None).await.status, 401, "a proof holds its entry");
    let proof = get(&world, "/log/proof/5", Some(&token)).await;
    let proof_file = world.directory().join("5.tlog-proof");
    keep(&proof_file, &proof.body);
    assert_eq!(record.audit(&proof_file, &[]), (0, record.audit(&proof_file, &[]).1));
    assert_eq!(record.audit(&proof_file, &[]).1["index"], 5);
    assert_eq!(get(&world, "/log/proof/999999", Some(&token)).await.status, 404);

    let reader = Command::new("python3")
        .arg("-B")
        .arg(python_reader())
        .args([record.key(), &fetched, &proof_file])
        .output()
        .expect("python3 runs the reader");
    assert!(reader.status.success(), "{}", String::from_utf8_lossy(&reader.stderr));
    assert_eq!(record.audit(&fetched, &[]).0, 0, "what was fetched is a log");

    let url = format!("http://{}/log", world.court.http());
    let token_file = world.home.file("keys/read-log.token");
    let with_token = ["--token-file", token_file.to_str().unwrap()];
    let over_http = |further: &[&str]| record.ask("verify", &url, further).status.code();
    assert_eq!(over_http(&with_token), Some(0));
    assert_eq!(over_http(&[]), Some(2), "without the token the entries are unreadable");
}

#[tokio::test]
async fn that_the_log_only_grew_is_proved_and_a_rewritten_one_is_not() {
    let world = World::start().await;
    let record = Record::of(&world.home, world.directory());
    world.allows(&world.agent.asks(&hello(), "GET", "/hello/one")).await;
    record.has_decisions(1).await;
    let old = get(&world, "/log/checkpoint", None).await;
    let old_file = world.directory().join("old.checkpoint");
    keep(&old_file, &old.body);
    let early = world.directory().join("early");
    copy(&record.folder(), &early);
    for n in 0..20 {
        world.allows(&world.agent.asks(&hello(), "GET", &format!("/hello/{n}"))).await;
    }
    record.has_decisions(21).await;

    let size: u64 = old.text().lines().nth(1).unwrap().parse().unwrap();
    let proof = get(&world, &format!("/log/consistency/{size}"), None).await;
    assert_eq!(proof.status, 200, "hashes are for everybody");
    let file = world.directory().join("grew");
    keep(&file, &proof.body);
    let since = ["--previous", old_file.to_str().unwrap()];
    assert_eq!(record.audit(&file, &since).0, 0);
    assert_eq!(record.audit(&file, &[]).0, 2, "grown from what?");
    let mut changed = proof.body.to_vec();
    let middle = changed.len() / 3;
    changed[middle] ^= 1;
    keep(&file, &changed);
    assert_eq!(record.audit(&file, &since).0, 1);

    let now = get(&world, "/log/checkpoint", None).await;
    let now_file = world.directory().join("now.checkpoint");
    keep(&now_file, &now.body);
    let since_now = ["--previous", now_file.to_str().unwrap()];
    assert_eq!(record.audit(&record.folder(), &since).0, 0);
    assert_eq!(record.audit(&early, &since_now).0, 1, "a log that was rolled back does not continue");
    for out in ["--index=1", "--since"] {
        let proved = world.directory().join(out.trim_matches('-'));
        let folder = record.folder();
        let what = if out == "--since" { vec![out, old_file.to_str().unwrap()] } else { vec![out] };
        let made = record.ask(
            "prove",
            folder.to_str().unwrap(),
            &[what.as_slice(), &["--out", proved.to_str().unwrap()]].concat(),
        );
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        assert_eq!(record.audit(&proved, if out == "--since" { &since } else { &[] }).0, 0);
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn keep(file: &Path, bytes: &[u8]) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, bytes).unwrap();
}
