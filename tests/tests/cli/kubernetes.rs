//! `portcullis init --kubernetes` and `portcullis kubernetes`: what is in the two files, what can never be in them, and which home
//! directories are refused. Nothing is started, and there is no cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use ledger::VerifyingKey;
use portcullis_tests::offline_ledger;
use portcullis_tests::server::Home;
use portcullis_tests::shipped;
use portcullis_tests::signed_bundles::now;
use serde_json::{Value, json};
use tar::Archive;

use crate::workdir::Workdir;

const INIT: &str = "init $home --kubernetes --audience shop --host pay.shop --alias pay.shop.svc.cluster.local:8080 \
                    --proxy spiffe://cluster.local/ns/shop/sa/pay --proxy spiffe://cluster.local/ns/edge/sa/edge";
const WRITE: &str = "kubernetes --home $home";
/// Keys that must never be in a cluster.
const KEPT_OUT: [&str; 4] = ["keys/bundle.jwk", "keys/attestor.jwk", "keys/idp.jwk", "agent.jwk"];

struct Made {
    workdir: Workdir,
}

impl Made {
    fn by(init: &str) -> Made {
        let made = Made { workdir: Workdir::empty() };
        let _ = made.workdir.run(init).success();
        made
    }

    fn new() -> Made {
        Made::by(INIT)
    }

    fn home(&self) -> Home {
        Home::at(&self.workdir.path().join("home"))
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.home().file(name)).unwrap()
    }

    /// The values of each Secret, by name.
    fn secrets(&self) -> BTreeMap<String, BTreeMap<String, Vec<u8>>> {
        let text = self.text("kubernetes/secrets.yaml");
        let documents = text.split("---\n").skip(1);
        documents.map(|document| secret(&serde_saphyr::from_str(document).unwrap())).collect()
    }

    /// Runs `portcullis kubernetes`, which must refuse and must not touch what is there.
    fn refused(&self) -> String {
        let before = self.text("kubernetes/secrets.yaml");
        let output = self.workdir.run(WRITE);
        assert_eq!((output.status, output.out.as_str()), (2, ""), "{output:?}");
        assert_eq!(self.text("kubernetes/secrets.yaml"), before, "it was written nevertheless");
        output.err
    }

    /// Changes lines of a document, and signs.
    fn change(&self, document: &str, change: impl Fn(&str) -> String) {
        let changed: Vec<String> = self.text(document).lines().map(change).collect();
        self.workdir.write(&format!("home/{document}"), &(changed.join("\n") + "\n"));
        let signed = self.workdir.run("policy sign --home $home");
        assert_eq!(signed.status, 0, "{signed:?}");
    }

    /// Makes the home directory look as if it was made so long ago.
    fn begin_ledger_hours_ago(&self, hours: u64) {
        let origin = offline_ledger::begin_again(&self.home(), "shop", now() - hours * 3600 - 60);
        self.change("policy/mesh.yaml", |line| match line.trim_start().starts_with("burner:") {
            true => format!("  burner: \"{origin}\""),
            false => line.to_owned(),
        });
    }

    fn secret_part(&self, key: &str) -> String {
        let jwk: Value = serde_json::from_str(&self.text(key)).unwrap();
        jwk["d"].as_str().unwrap().to_owned()
    }
}

fn secret(document: &Value) -> (String, BTreeMap<String, Vec<u8>>) {
    assert_eq!((&document["apiVersion"], &document["kind"]), (&json!("v1"), &json!("Secret")));
    assert_eq!(document["metadata"]["namespace"], "portcullis");
    let data = document["data"].as_object().unwrap();
    let value = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let values = data.iter().map(|(name, text)| (name.clone(), value(text))).collect();
    (document["metadata"]["name"].as_str().unwrap().to_owned(), values)
}

/// The modes in an archive, of directories and of files.
fn modes(archive: &[u8]) -> BTreeSet<(bool, u32)> {
    let mut archive = Archive::new(GzDecoder::new(archive));
    let headers = archive.entries().unwrap().map(|entry| entry.unwrap().header().clone());
    headers.map(|header| (header.entry_type().is_dir(), header.mode().unwrap())).collect()
}

/// The files of an archive by their names, each with its time. A segment of the write-ahead log is 64 MiB of zeros, so they are cut off.
fn unpacked(archive: &[u8]) -> BTreeMap<String, (u64, Vec<u8>)> {
    let mut archive = Archive::new(GzDecoder::new(archive));
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        if !name.ends_with("/reserve") {
            entry.by_ref().take(1 << 16).read_to_end(&mut bytes).unwrap();
        }
        files.insert(name, (entry.header().mtime().unwrap(), bytes));
    }
    files
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn names(values: &BTreeMap<String, Vec<u8>>) -> Vec<&str> {
    values.keys().map(String::as_str).collect()
}

#[test]
fn the_secrets_have_exactly_the_files_that_the_chart_copies() {
    let made = Made::new();
    let mode = |name: &str| fs::metadata(made.home().file(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("kubernetes/secrets.yaml"), mode("kubernetes")), (0o600, 0o700));
    let secrets = made.secrets();
    assert_eq!(secrets.keys().collect::<Vec<_>>(), ["portcullis-first", "portcullis-keys"]);
    let keys = &secrets["portcullis-keys"];
    let expected = ["digest.jwk", "ledger.jwk", "note.jwk", "read-log.token", "receipt.jwk", "statement.jwk"];
    assert_eq!(names(keys), expected);
    for name in expected {
        let file: &[u8] = &fs::read(made.home().file(&format!("keys/{name}"))).unwrap();
        let is_same = match name {
            "read-log.token" => keys[name] == file,
            _ => {
                serde_json::from_slice::<Value>(&keys[name]).unwrap()
                    == serde_json::from_slice::<Value>(file).unwrap()
            }
        };
        assert!(is_same, "{name}");
    }
    assert_eq!(names(&secrets["portcullis-first"]), ["bundle.tar.gz", "ledger.tar.gz"]);
    let ledger = unpacked(&secrets["portcullis-first"]["ledger.tar.gz"]);
    for name in ["ledger/log.vkey", "ledger/handed-out", "ledger/log/checkpoint"] {
        assert_eq!(ledger[name].1, fs::read(made.home().file(name)).unwrap(), "{name}");
    }
    assert!(ledger.contains_key("ledger/snapshot") || ledger.contains_key("ledger/snapshot/"));
    let bundle = unpacked(&secrets["portcullis-first"]["bundle.tar.gz"]);
    for name in [
        "bundle/manifest.json",
        "bundle/latest.json",
        "bundle/1/proxies.json",
        "bundle/1/routes/demo/pay.json",
    ] {
        assert_eq!(bundle[name].1, fs::read(made.home().file(name)).unwrap(), "{name}");
    }
}

#[test]
fn no_key_that_must_stay_outside_is_in_any_file_in_any_form() {
    let made = Made::new();
    for key in KEPT_OUT {
        let stem = Path::new(key).file_stem().unwrap().to_str().unwrap();
        // Also where somebody could have put a copy of it.
        for place in ["bundle", "bundle/1", "kubernetes"] {
            fs::copy(made.home().file(key), made.home().file(&format!("{place}/{stem}.jwk.bak"))).unwrap();
        }
    }
    // The bundle with foreign files beside its own does not verify.
    assert!(made.refused().contains("refused"));
    for name in ["bundle", "attestor", "idp", "agent"] {
        for place in ["bundle/1", "kubernetes"] {
            fs::remove_file(made.home().file(&format!("{place}/{name}.jwk.bak"))).unwrap();
        }
    }
    let _ = made.workdir.run(WRITE).success();
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for name in ["kubernetes/secrets.yaml", "kubernetes/values.yaml"] {
        seen.push((name.to_owned(), made.text(name).into_bytes()));
    }
    for (secret, values) in made.secrets() {
        for (name, value) in values {
            if name.ends_with(".tar.gz") {
                let files = unpacked(&value).into_iter();
                seen.extend(files.map(|(file, (_, bytes))| (format!("{secret}/{file}"), bytes)));
            }
            seen.push((format!("{secret}/{name}"), value));
        }
    }
    assert!(seen.len() > 20, "this shows nothing: {}", seen.len());
    for key in KEPT_OUT {
        let (part, stem) = (made.secret_part(key), Path::new(key).file_name().unwrap().to_str().unwrap());
        for (name, bytes) in &seen {
            assert!(!contains(bytes, &part), "{key} is in {name}");
            assert!(!name.contains(stem), "{name}");
        }
    }
    assert_eq!(fs::read_dir(made.home().file("kubernetes")).unwrap().count(), 2);
}

#[test]
fn a_key_that_must_stay_outside_is_refused_in_the_place_of_another() {
    for (place, key, said) in [
        ("/bundle/noteKey", "keys/bundle.jwk", "`bundle.noteKey` is a key that signs bundles"),
        ("/keys/statement", "keys/attestor.jwk", "`keys.statement` is a key of the attestor"),
        ("/keys/receipt", "keys/idp.jwk", "`keys.receipt` is"),
        ("/keys/statement", "agent.jwk", "`keys.statement` is"),
        ("/ledger/readers/tokenFile", "keys/bundle.jwk", "holds a key"),
    ] {
        let made = Made::new();
        made.home().configure(|configuration| *configuration.pointer_mut(place).unwrap() = key.into());
        let refused = made.refused();
        assert!(refused.contains(said), "{place}: {refused}");
    }
}

#[test]
fn the_same_home_gives_the_same_bytes_with_fixed_modes_and_the_age_is_that_of_the_ledger() {
    let made = Made::new();
    let before = made.text("kubernetes/secrets.yaml");
    let created = fs::metadata(made.home().file("ledger/log.vkey")).unwrap().modified().unwrap();
    // As after `cp -r` a week later.
    let vkey = fs::File::options().write(true).open(made.home().file("ledger/log.vkey")).unwrap();
    let next_week = Duration::from_secs(now() + 7 * 24 * 3600);
    vkey.set_modified(SystemTime::UNIX_EPOCH + next_week).unwrap();
    // As after a copy to a disk that has other modes.
    for name in ["ledger", "ledger/log", "ledger/log.vkey", "bundle/manifest.json"] {
        fs::set_permissions(made.home().file(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let _ = made.workdir.run(WRITE).success();
    assert!(made.text("kubernetes/secrets.yaml") == before, "the archives differ");
    for archive in made.secrets()["portcullis-first"].values() {
        assert_eq!(modes(archive), BTreeSet::from([(true, 0o700), (false, 0o600)]));
    }
    let ledger = unpacked(&made.secrets()["portcullis-first"]["ledger.tar.gz"]);
    let created = created.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert!(
        created.abs_diff(ledger["ledger/log.vkey"].0) <= 2,
        "{} and {created}",
        ledger["ledger/log.vkey"].0
    );
    let others = ledger.iter().filter(|(name, _)| *name != "ledger/log.vkey");
    assert_eq!(others.map(|(_, (time, _))| *time).collect::<BTreeSet<_>>().len(), 1);
}

#[test]
fn the_file_that_keeps_servers_off_the_ledger_is_in_no_archive() {
    let made = Made::new();
    assert!(
        made.text("ledger.in-cluster").contains("gave the ledger beside this file to a server in a cluster")
    );
    for (name, archive) in &made.secrets()["portcullis-first"] {
        let files = unpacked(archive);
        let found = files.keys().find(|file| file.contains("in-cluster"));
        assert!(found.is_none() && files.len() > 5, "{name}: {found:?}");
    }
    // The command says it, and is run again all the same. A person who removed the file gets it back.
    fs::remove_file(made.home().file("ledger.in-cluster")).unwrap();
    let said = made.workdir.run(WRITE).success();
    assert!(said.contains("refuses this home directory") && said.contains("/ledger.in-cluster"), "{said}");
    assert!(said.contains("for the first start only") && said.contains("server.bundle.url"), "{said}");
    assert!(made.home().file("ledger.in-cluster").exists());
}

#[test]
fn an_old_ledger_is_taken_by_an_option_of_one_installation_and_a_very_old_one_not_at_all() {
    let made = Made::new();
    made.begin_ledger_hours_ago(30);
    let said = made.workdir.run(WRITE).success();
    assert!(said.contains("THIS LEDGER IS OLD") && said.contains("init NEW --kubernetes"), "{said}");
    let install = said.lines().find(|line| line.contains("helm install")).unwrap();
    assert!(install.ends_with("--values mine.yaml --set ledger.firstWithinHours=54"), "{install}");
    // Nothing of it stays in a file of values.
    let missing =
        said.split("Write them into a file of your own").nth(1).unwrap().split("Then, before").next();
    assert!(!missing.unwrap().contains("firstWithinHours"), "{said}");
    assert!(!made.text("kubernetes/values.yaml").contains("firstWithinHours"));

    made.begin_ledger_hours_ago(168);
    let refused = made.refused();
    assert!(
        refused.contains("more than 168 hours ago") && refused.contains("init NEW --kubernetes"),
        "{refused}"
    );
}

#[test]
fn the_trust_domain_is_that_of_all_proxies_or_is_missing() {
    let init = |proxies: &str| format!("init $home --kubernetes --audience shop --host pay.shop {proxies}");
    let one =
        Made::by(&init("--proxy spiffe://mesh.example/ns/a/sa/a --proxy spiffe://mesh.example/ns/b/sa/b"));
    let values = shipped::read(&one.home().file("kubernetes/values.yaml"));
    assert_eq!(values["identity"], json!({"istio": {"trustDomain": "mesh.example"}}));
    let said = one.workdir.run(WRITE).success();
    assert!(!said.contains("trustDomain"), "{said}");

    let two =
        Made::by(&init("--proxy spiffe://mesh.example/ns/a/sa/a --proxy spiffe://edge.example/ns/b/sa/b"));
    let values = shipped::read(&two.home().file("kubernetes/values.yaml"));
    assert!(values.get("identity").is_none(), "{values}");
    let said = two.workdir.run(WRITE).success();
    for line in ["edge.example and mesh.example", "  identity: {istio: {trustDomain: \"edge.example\"}}"] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn the_hosts_that_the_server_must_reach_are_named_for_the_network_policy() {
    let made = Made::by(&format!("{INIT} --authority-url https://api.example:8443"));
    let hosts = |made: &Made| {
        let said = made.workdir.run(WRITE).success();
        let text = made.text("kubernetes/values.yaml");
        let line = said.lines().find(|line| line.contains("for the NetworkPolicy")).map(str::trim);
        assert!(line.is_none_or(|line| text.contains(line)), "{text}");
        line.and_then(|line| line.rsplit_once(": ")).map(|(_, hosts)| hosts.to_owned())
    };
    assert_eq!(hosts(&made), None, "{INIT} names no host");
    made.change("policy/mesh.yaml", |line| match line.trim() {
        line if line.starts_with("jwks: ") => "      jwksUri: \"https://keys.shop:8443/agents\"".to_owned(),
        "spec:" => "spec:\n  callers:\n    - {iss: \"https://login.shop\", audience: portcullis, jwksUri: \"https://login.shop/keys\"}".to_owned(),
        _ => line.to_owned(),
    });
    made.home().configure(|configuration| {
        configuration["candidate"] = json!({"url": "https://bundles.shop/next"});
    });
    assert_eq!(hosts(&made).as_deref(), Some("bundles.shop, keys.shop, login.shop"));
    // Without an authority nobody exchanges tokens, and the keys of subjects are not fetched.
    made.home().configure(|configuration| {
        let _ = configuration.as_object_mut().unwrap().remove("authority");
        let _ = configuration["keys"].as_object_mut().unwrap().remove("authority");
    });
    assert_eq!(hosts(&made).as_deref(), Some("bundles.shop, login.shop"));
}

#[test]
fn what_the_chart_takes_only_over_https_is_refused_without_it() {
    let (made, witness) = (Made::new(), VerifyingKey::of_witness("w", [7; 32]).unwrap());
    made.home().configure(|configuration| {
        configuration["candidate"] = json!({"url": "http://bundles.shop/next"});
        configuration["ledger"]["witnesses"] =
            json!([{"url": "http://127.0.0.1:7380/", "key": witness.to_string()}]);
    });
    let refused = made.refused();
    for said in ["`candidate.url` is http://bundles.shop/next", "the witness http://127.0.0.1:7380/"] {
        assert!(refused.contains(said), "{said}: {refused}");
    }
}

#[test]
fn a_policy_that_is_signed_again_is_in_the_next_secrets() {
    let made = Made::new();
    let _ = made.workdir.run("policy sign --home $home").success();
    let said = made.workdir.run(WRITE).success();
    assert!(said.contains("version 2 of the bundle"), "{said}");
    let bundle = unpacked(&made.secrets()["portcullis-first"]["bundle.tar.gz"]);
    assert!(bundle.contains_key("bundle/2/mesh.json") && !bundle.contains_key("bundle/1/mesh.json"));
}

#[test]
fn a_ledger_that_served_or_is_in_use_is_refused_and_the_cure_is_named() {
    let made = Made::new();
    // A person took it back.
    fs::remove_file(made.home().file("ledger.in-cluster")).unwrap();
    let ledger = offline_ledger::open(&made.home());
    assert!(made.refused().contains("another process writes to this ledger"));
    ledger.close();
    let refused = made.refused();
    assert!(
        refused.contains("a server has written to this ledger") && refused.contains("init NEW --kubernetes"),
        "{refused}"
    );
}

#[test]
fn a_bundle_that_would_deny_everything_is_refused() {
    let other = Made::new();
    let mesh = other.text("policy/mesh.yaml");
    let burner = mesh.lines().find(|line| line.contains("burner")).unwrap();
    for (document, key, instead, said) in [
        ("policy/mesh.yaml", "burner", burner, "write `burner:"),
        ("policy/proxies.yaml", "- {id", "  - {id: local, hosts: {\"pay.shop\": []}}", "SPIFFE ID"),
    ] {
        let made = Made::new();
        let text = made.text(document);
        let mut changed: Vec<&str> = text.lines().filter(|line| !line.contains(key)).collect();
        let place = changed.iter().position(|line| line.starts_with("spec:")).unwrap() + 1;
        changed.insert(place, instead);
        made.workdir.write(&format!("home/{document}"), &(changed.join("\n") + "\n"));
        let signed = made.workdir.run("policy sign --home $home");
        assert_eq!(signed.status, 0, "{signed:?}");
        let refused = made.refused();
        assert!(refused.contains(said), "{refused}");
    }
    let made = Made::new();
    made.home().configure(|configuration| {
        configuration["bundle"]["trust"] =
            shipped::read(&other.home().file("portcullis.yaml"))["bundle"]["trust"].clone();
    });
    assert!(made.refused().contains("the signed bundle in"));
}

#[test]
fn a_base_alone_is_refused_until_routes_are_signed_over_it() {
    let made = Made::new();
    let _ = made.workdir.run("key new --alg ed25519 --out $home/routes.jwk").success();
    let public = made.workdir.run("key show $home/routes.jwk").success();
    let by = format!("  routesBy: {{threshold: 1, keys: [{}]}}\n  notes:", public.trim());
    made.change("policy/mesh.yaml", |line| line.replace("  notes:", &by));
    let refused = made.refused();
    assert!(refused.contains("sign the first ones") && refused.contains("policy sign --routes"), "{refused}");
    let _ = made.workdir.run("policy sign --routes --home $home --key $home/routes.jwk").success();
    let _ = made.workdir.run(WRITE).success();
}

#[test]
fn the_values_are_those_of_the_home_and_hold_no_placeholder() {
    let made = Made::by(&format!("{INIT} --namespace gates --authority-url https://api.example:8443"));
    let values = shipped::read(&made.home().file("kubernetes/values.yaml"));
    let configuration = shipped::read(&made.home().file("portcullis.yaml"));
    let members: BTreeSet<&str> = values.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["identity", "mesh", "server"]));
    assert_eq!(values["identity"], json!({"istio": {"trustDomain": "cluster.local"}}));
    assert_eq!(values["mesh"]["audience"], "shop");
    let vkey = made.text("ledger/log.vkey");
    assert_eq!(values["mesh"]["logOrigin"], vkey.split('+').next().unwrap());
    let statement: Value = serde_json::from_str(&made.text("keys/statement.jwk")).unwrap();
    let pinned = &values["mesh"]["statementKeys"][0];
    assert!(
        ["kid", "x", "y"].iter().all(|part| pinned[part] == statement[part]) && pinned.get("d").is_none()
    );
    assert!(made.text("kubernetes/values.yaml").contains("\"y\":"));
    let server = &values["server"];
    assert_eq!(server["bundle"]["trust"]["keys"], configuration["bundle"]["trust"]["keys"]);
    assert_eq!((&server["bundle"]["signsNotes"], &server["readLogToken"]), (&json!(true), &json!(true)));
    assert_eq!(
        server["authority"],
        json!({"iss": "https://authority.shop", "url": "https://api.example:8443"})
    );
    assert_eq!(server["limits"]["decisions"], configuration["limits"]["decisions"]);
    assert!(made.text("kubernetes/secrets.yaml").contains("authority.jwk"));
    let said = made.workdir.run("kubernetes --home $home --namespace gates").success();
    for line in [
        "image: {repository:",
        "guarded:",
        "api: {tlsSecretName:",
        "kubectl create namespace gates",
        "kubectl apply --server-side -f ",
        "helm install portcullis k8s/chart --namespace gates --values ",
        "kubectl -n gates delete secret portcullis-first",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn what_is_only_for_one_machine_does_not_go_with_a_cluster() {
    let workdir = Workdir::empty();
    for more in [
        "--module m.wasm",
        "--proxies unix:p.sock",
        "--api unix:a.sock",
        "--health 127.0.0.1:1",
        "--keep",
        "--cluster c",
    ] {
        assert!(workdir.fails(&format!("{INIT} {more}")).contains("cannot be used with"), "{more}");
    }
    assert!(workdir.fails("init $home --kubernetes --host pay.shop").contains("--proxy"));
    assert!(workdir.fails("init $home --kubernetes --host pay.shop --proxy pay").contains("SPIFFE ID"));
    assert!(workdir.fails("init $home --namespace gates").contains("--kubernetes"));
    assert!(!workdir.path().join("home").exists());
    // An authority of one machine cannot be called in a cluster.
    let made = Made { workdir };
    let _ = made.workdir.run("init $home --proxy spiffe://cluster.local/ns/shop/sa/pay").success();
    let output = made.workdir.run(WRITE);
    assert!(output.err.contains("`authority.url` is http://localhost"), "{output:?}");
    assert!(!made.home().file("kubernetes").exists());
}
