//! The ledger over HTTP: everyone can check its hashes, and only readers with the token get its entries.

use portcullis_tests::agent::hello;
use portcullis_tests::client::{ClientRequest, ClientResponse};
use portcullis_tests::condition::until;
use portcullis_tests::ledger_auditor::{LedgerAuditor, copy, python_reader};
use portcullis_tests::programs::python3;
use portcullis_tests::world::World;
use std::fs;
use std::path::Path;
use std::process::Command;

async fn get(world: &World, path: &str, token: Option<&str>) -> ClientResponse {
    let request = ClientRequest::new("GET", "localhost", path);
    let request = match token {
        Some(token) => request.with("authorization", format!("Bearer {token}")),
        None => request,
    };
    request.send_to_socket(&world.home.api()).await.unwrap()
}

fn header<'a>(answer: &'a ClientResponse, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_stranger_fetches_the_log_and_a_reader_in_another_language_accepts_it() {
    let world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    for n in 0..200 {
        world.allows(&world.agent.request(&hello(), "GET", &format!("/hello/{n}"))).await;
    }
    // After the last outcome the log does not change any more.
    until("all outcomes to be published", async || (auditor.of_kind("outcome/1").len() == 200).then_some(()))
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
    write(&fetched.join("checkpoint"), &checkpoint.body);
    let cross_site =
        ClientRequest::new("GET", "localhost", "/log/checkpoint").with("sec-fetch-site", "cross-site");
    assert_eq!(
        cross_site.send_to_socket(&world.home.api()).await.unwrap().status,
        403,
        "a browser on another site"
    );
    let names = |level: &str| [format!("tile/{level}/000"), format!("tile/{level}/001.p/{rest}")];
    let hashes = names("0").into_iter().chain(["tile/1/000.p/1".to_owned()]);
    for name in hashes {
        let tile = get(&world, &format!("/log/{name}"), None).await;
        assert_eq!((tile.status, header(&tile, "content-type")), (200, "application/octet-stream"), "{name}");
        assert!(header(&tile, "cache-control").contains("immutable"), "{name}");
        write(&fetched.join(&name), &tile.body);
    }
    for name in names("entries") {
        let path = format!("/log/{name}");
        let closed = get(&world, &path, None).await;
        assert_eq!(closed.status, 401, "entries need the token");
        assert!(header(&closed, "www-authenticate").starts_with("Bearer"));
        for wrong in ["", "x", &format!("{token}x"), &token.to_uppercase()] {
            assert_eq!(get(&world, &path, Some(wrong)).await.status, 401, "{wrong}");
        }
        let bundle = get(&world, &path, Some(&token)).await;
        assert_eq!(bundle.status, 200);
        write(&fetched.join(&name), &bundle.body);
    }
    for missing in
        ["tile/0/0", "tile/0/009", "tile/0/000.p/0", "../handed-out", "wal", "log.vkey", "tile/9/000"]
    {
        assert_eq!(get(&world, &format!("/log/{missing}"), Some(&token)).await.status, 404, "{missing}");
    }

    assert_eq!(
        get(&world, "/log/proof/5", None).await.status,
        401,
        "a proof contains its entry, so it needs the token"
    );
    let proof = get(&world, "/log/proof/5", Some(&token)).await;
    let proof_file = world.directory().join("5.tlog-proof");
    write(&proof_file, &proof.body);
    assert_eq!(auditor.audit(&proof_file, &[]).expect_holds()["index"], 5);
    assert_eq!(get(&world, "/log/proof/999999", Some(&token)).await.status, 404);

    let reader = Command::new(python3())
        .arg("-B")
        .arg(python_reader())
        .args([auditor.key(), &fetched, &proof_file])
        .output()
        .unwrap();
    assert!(reader.status.success(), "{}", String::from_utf8_lossy(&reader.stderr));
    auditor.audit(&fetched, &[]).expect_holds();

    let url = format!("unix:{}", world.home.api().display());
    let token_file = world.home.file("keys/read-log.token");
    let with_token = ["--token-file", token_file.to_str().unwrap()];
    auditor.audit(&url, &with_token).expect_holds();
    auditor.audit(&url, &[]).expect_unreadable("--token-file");
    world.end().await;
}

#[tokio::test]
async fn who_read_entries_is_on_record_with_how_often_and_reads_of_hashes_are_not() {
    let mut world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    auditor.wait_for_decisions(1).await;
    let token = fs::read_to_string(world.home.file("keys/read-log.token")).unwrap().trim().to_owned();
    for n in 0..20 {
        assert_eq!(get(&world, "/log/checkpoint", Some(&token)).await.status, 200);
        assert_eq!(get(&world, &format!("/log/proof/{}", n % 2), Some(&token)).await.status, 200);
        assert_eq!(get(&world, "/log/proof/0", Some("another")).await.status, 401);
    }
    world.server.process.stop().await;
    let reads = auditor.of_kind("reads/1");
    let [read] = reads.as_slice() else { panic!("one entry for one reader: {reads:?}") };
    let holder = format!("reader|{}", ledger::entry::Digest::of(token.as_bytes()));
    assert_eq!(
        (&read["by"], &read["what"], &read["count"]),
        (&holder.into(), &"read-entries".into(), &20.into())
    );
    let [first, last, time] = ["first", "last", "time"].map(|member| read[member].as_u64().unwrap());
    assert!(first < last && last <= time, "{read}");
    auditor.audit(auditor.folder(), &[]).expect_holds();
    world.end().await;
}

#[tokio::test]
async fn a_proof_shows_that_the_log_only_grew_and_a_changed_proof_or_log_is_refused() {
    let world = World::start().await;
    let auditor = LedgerAuditor::new(&world.home, world.directory());
    world.allows(&world.agent.request(&hello(), "GET", "/hello/one")).await;
    auditor.wait_for_decisions(1).await;
    let old = get(&world, "/log/checkpoint", None).await;
    let old_file = world.directory().join("old.checkpoint");
    write(&old_file, &old.body);
    let early = world.directory().join("early");
    copy(&auditor.folder(), &early);
    for n in 0..20 {
        world.allows(&world.agent.request(&hello(), "GET", &format!("/hello/{n}"))).await;
    }
    auditor.wait_for_decisions(21).await;

    let size: u64 = old.text().lines().nth(1).unwrap().parse().unwrap();
    let proof = get(&world, &format!("/log/consistency/{size}"), None).await;
    assert_eq!(proof.status, 200, "hashes need no token");
    let file = world.directory().join("grew");
    write(&file, &proof.body);
    let since = ["--previous", old_file.to_str().unwrap()];
    assert_eq!(auditor.audit(&file, &since).expect_holds()["old"], size);
    // Without the older checkpoint the proof shows nothing.
    auditor.audit(&file, &[]).expect_unreadable("--previous");
    let mut changed = proof.body.to_vec();
    let middle = changed.len() / 3;
    changed[middle] ^= 1;
    write(&file, &changed);
    auditor.audit(&file, &since).expect_fault(file.to_str().unwrap());

    let now = get(&world, "/log/checkpoint", None).await;
    let now_file = world.directory().join("now.checkpoint");
    write(&now_file, &now.body);
    let since_now = ["--previous", now_file.to_str().unwrap()];
    auditor.audit(auditor.folder(), &since).expect_holds();
    // A log that was rolled back does not continue the newer checkpoint.
    let newer: u64 = now.text().lines().nth(1).unwrap().parse().unwrap();
    auditor.audit(&early, &since_now).expect_fault(&newer.to_string());
    for (what, further) in [(&["--index", "1"], &[][..]), (&["--since", old_file.to_str().unwrap()], &since)]
    {
        let proved = world.directory().join(what[0].trim_matches('-'));
        let made = auditor.run(
            "prove",
            auditor.folder(),
            &[what.as_slice(), &["--out", proved.to_str().unwrap()]].concat(),
        );
        assert_eq!(made.status, 0, "{made:?}");
        auditor.audit(&proved, further).expect_holds();
    }
    let (page, id) =
        (world.directory().join("decision.html"), auditor.of_kind("decision/1")[0]["id"].clone());
    let page_of = ["--id", id.as_str().unwrap(), "--html", page.to_str().unwrap(), "--json"];
    let made = auditor.run("prove", auditor.folder(), &page_of);
    assert_eq!(made.status, 0, "{made:?}");
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.contains("c2sp.org/tlog-proof@v1\nextra "), "the page contains the proof");
    let key = fs::read_to_string(auditor.key()).unwrap();
    assert!(!text.contains(key.trim()), "the page has no key: the person enters it");
    world.end().await;
}

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn write(file: &Path, bytes: &[u8]) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, bytes).unwrap();
}
