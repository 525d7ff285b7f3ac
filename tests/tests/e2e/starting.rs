//! A server that cannot start reports every fault at once, each in one line, and ends with exit status 2.

use ledger::durable;
use portcullis_tests::command::portcullis;
use portcullis_tests::server::{Home, Server};
use std::fs;
use std::net::TcpListener;
use tempfile::TempDir;

fn new_home() -> (TempDir, Home) {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    (directory, home)
}

#[tokio::test]
async fn every_fault_of_a_configuration_is_reported_with_its_file_line_and_cure() {
    let (_directory, home) = new_home();
    home.configure(|configuration| {
        configuration["listen"]["proxies"] = "0.0.0.0:9191".into();
        configuration["listen"]["api"] = "127.0.0.1:9192".into();
        configuration["listen"]["health"] = "somewhere".into();
        configuration["failOpen"] = true.into();
        configuration["limits"] = serde_json::json!({"deadlineMilliseconds": "soon"});
    });

    let failed = home.fail_to_start().await;

    assert_eq!(failed.status, 2, "{}", failed.log);
    for named in ["0.0.0.0:9191", "127.0.0.1:9192", "somewhere", "failOpen", "an integer from 1 to"] {
        assert!(failed.log.contains(named), "{named} is not among the faults:\n{}", failed.log);
    }
    let places = failed.log.lines().filter(|line| line.contains("portcullis.yaml:")).count();
    assert!(places >= 5, "every fault has a file and a line:\n{}", failed.log);
}

#[tokio::test]
async fn the_faults_of_tls_are_reported_with_all_others() {
    let (_directory, home) = new_home();
    home.configure(|configuration| {
        configuration["listen"] = serde_json::json!({
            "proxies": {
                "address": "somewhere", "certificate": "tls.pem", "key": "tls.key", "clients": "clients.pem",
            },
            "api": {"address": "0.0.0.0:0", "certificate": "tls.pem", "key": "tls.key", "crls": "crls.pem"},
        });
        configuration["failOpen"] = true.into();
    });

    let failed = home.fail_to_start().await;

    assert_eq!(failed.status, 2, "{}", failed.log);
    for named in ["somewhere", "/tls.pem", "/tls.key", "/clients.pem", "CRLs without `clients`", "failOpen"] {
        assert!(failed.log.contains(named), "{named} is not among the faults:\n{}", failed.log);
    }
}

#[tokio::test]
async fn proxies_that_connect_over_tls_must_show_a_certificate() {
    let (_directory, home) = new_home();
    home.configure(|configuration| {
        configuration["listen"]["proxies"] =
            serde_json::json!({"address": "0.0.0.0:0", "certificate": "tls.pem", "key": "tls.key"});
    });
    let _ = fails_naming(&home, "`clients` is missing").await;
}

#[tokio::test]
async fn a_missing_key_is_named() {
    let (_directory, home) = new_home();
    fs::remove_file(home.file("keys/statement.jwk")).unwrap();
    let _ = fails_naming(&home, "keys/statement.jwk").await;
}

#[tokio::test]
async fn keys_of_the_wrong_kind_a_repeated_key_and_a_dimension_without_a_name_are_reported_together() {
    let (_directory, home) = new_home();
    home.configure(|configuration| {
        configuration["ledger"]["key"] = "keys/statement.jwk".into();
        configuration["keys"]["statement"] = "keys/ledger.jwk".into();
        let key = configuration["bundle"]["trust"]["keys"][0].clone();
        configuration["bundle"]["trust"]["keys"] = serde_json::json!([key, key]);
        configuration["environment"] = serde_json::json!({"": "eu-1"});
    });

    let failed = home.fail_to_start().await;

    assert_eq!(failed.status, 2, "{}", failed.log);
    for named in ["key for ES256", "key for Ed25519", "twice", "the dimension \"\""] {
        assert!(failed.log.contains(named), "{named} is not among the faults:\n{}", failed.log);
    }
}

#[tokio::test]
async fn a_note_key_that_the_mesh_does_not_list_is_reported_at_the_start() {
    let (_directory, home) = new_home();
    home.configure(|configuration| configuration["bundle"]["noteKey"] = "keys/ledger.jwk".into());
    let _ = fails_naming(&home, "bundle.noteKey").await;
}

#[tokio::test]
async fn a_missing_bundle_directory_is_named() {
    let (_directory, home) = new_home();
    // Removed and not made unreadable: root can read everything.
    fs::remove_dir_all(home.file("bundle")).unwrap();
    let _ = fails_naming(&home, "/bundle").await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let (_directory, home) = new_home();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    home.configure(|configuration| configuration["listen"]["health"] = address.clone().into());
    let _ = fails_naming(&home, &address).await;
}

#[tokio::test]
async fn a_second_server_on_the_same_ledger_is_refused() {
    let (_directory, home) = new_home();
    let first = Server::start(&home).await;
    let failed = home.fail_to_start().await;
    assert_eq!(failed.status, 2, "{}", failed.log);
    let line = failed.log.lines().find(|line| line.contains("/ledger")).unwrap_or_default();
    assert!(line.contains("another process"), "the message says why the ledger is not free:\n{}", failed.log);
    drop(first);
}

/// The cluster's server would count uses in the same log.
#[tokio::test]
async fn a_ledger_that_was_given_to_a_cluster_is_served_here_only_after_a_person_takes_it_back() {
    let directory = tempfile::tempdir().unwrap();
    let proxy =
        ["--audience", "shop", "--host", "pay.shop", "--proxy", "spiffe://cluster.local/ns/shop/sa/pay"];
    let home = Home::init_for_cluster(directory.path(), &proxy);
    home.configure(|configuration| configuration["listen"]["health"] = "127.0.0.1:0".into());
    let before = fs::read(home.file("ledger/wal/0000000000000001.wal")).unwrap();
    let said = fails_naming(&home, "/ledger.in-cluster").await;
    assert!(
        said.contains("server in a cluster, which continues it") && said.contains("then this file"),
        "{said}"
    );
    assert!(
        fs::read(home.file("ledger/wal/0000000000000001.wal")).unwrap() == before,
        "it wrote to the ledger"
    );

    fs::remove_file(home.file("ledger.in-cluster")).unwrap();
    drop(Server::start(&home).await);
    // From here on the ledger has a history of its own, and no cluster gets it.
    let refused = portcullis(&["kubernetes", "--home", home.directory().to_str().unwrap()]);
    assert!(
        refused.status == 2 && refused.err.contains("a server has written to this ledger"),
        "{refused:?}"
    );
    assert!(!home.file("ledger.in-cluster").exists());
}

#[tokio::test]
async fn a_backup_with_its_mark_is_served_only_as_a_new_log_which_later_starts_continue() {
    let (_directory, home) = new_home();
    let log =
        || fs::read_to_string(home.file("ledger/log.vkey")).unwrap().split('+').next().unwrap().to_owned();
    let (mark, backup) = (home.file("ledger.is-a-backup"), log());
    durable::write_new(&mark, b"", 0o600).unwrap();
    let said = fails_naming(&home, "/ledger.is-a-backup").await;
    assert!(said.contains("--restored-log NAME") && said.contains("server.restored"), "{said}");
    // Nor does another command write to it.
    let config = home.file("portcullis.yaml").display().to_string();
    let refused = portcullis(&["ledger", "reassert", "--config", &config, "--by", "op", "--reason", "r"]);
    assert!(refused.status == 2 && refused.err.contains("ledger.is-a-backup"), "{refused:?}");
    assert!(mark.exists() && log() == backup);

    drop(Server::start_restored_log(&home, &backup).await);
    let begun = log();
    assert!(begun != backup && !mark.exists());
    drop(Server::start_restored_log(&home, &backup).await);
    assert_eq!(log(), begun, "a later start with the same option begins another log");
    drop(Server::start(&home).await);

    // The new log as a backup of its own, before its first decision.
    durable::write_new(&mark, b"", 0o600).unwrap();
    let failed = home.fail_to_start().await;
    assert_eq!(failed.status, 2, "{}", failed.log);
    drop(Server::start_restored_log(&home, &begun).await);
    assert!(log() != begun && !mark.exists());
}

/// The server does not start, and exactly one line of its log contains this text. Returns it.
async fn fails_naming(home: &Home, what: &str) -> String {
    let failed = home.fail_to_start().await;
    assert_eq!(failed.status, 2, "{}", failed.log);
    let lines: Vec<&str> = failed.log.lines().filter(|line| line.contains(what)).collect();
    assert_eq!(lines.len(), 1, "one line with {what}:\n{}", failed.log);
    lines[0].to_owned()
}
