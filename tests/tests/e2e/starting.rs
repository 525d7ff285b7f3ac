//! How the server declines to start: all that is wrong at once, each in one clear line, with the exit status 2.

use portcullis_tests::court::{Court, Home};
use portcullis_tests::shipped::read;
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use tempfile::TempDir;

fn house() -> (TempDir, Home) {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    (directory, home)
}

/// Changes the configuration as data. What is written back is JSON, which is YAML too.
#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn configure(home: &Home, change: impl FnOnce(&mut Value)) {
    let file = home.file("portcullis.yaml");
    let mut configuration = read(&file);
    change(&mut configuration);
    fs::write(&file, serde_json::to_vec_pretty(&configuration).unwrap()).unwrap();
}

#[tokio::test]
async fn a_bad_configuration_is_told_all_its_faults_with_place_and_cure() {
    let (_directory, home) = house();
    configure(&home, |configuration| {
        configuration["listen"]["extAuthz"] = "0.0.0.0:9191".into();
        configuration["listen"]["http"] = "somewhere".into();
        configuration["failOpen"] = true.into();
        configuration["limits"] = serde_json::json!({"deadlineMilliseconds": "soon"});
    });

    let refusal = home.serve_in_vain().await;

    assert_eq!(refusal.status, 2, "{}", refusal.said);
    for named in ["0.0.0.0:9191", "somewhere", "failOpen", "an integer from 1 to"] {
        assert!(refusal.said.contains(named), "{named} is not among the faults:\n{}", refusal.said);
    }
    let places = refusal.said.lines().filter(|line| line.contains("portcullis.yaml:")).count();
    assert!(places >= 4, "each fault has file and line:\n{}", refusal.said);
}

#[tokio::test]
async fn a_missing_key_is_named() {
    let (_directory, home) = house();
    fs::remove_file(home.file("keys/statement.jwk")).unwrap();
    says_once(&home, "keys/statement.jwk").await;
}

#[tokio::test]
async fn a_key_of_another_kind_a_key_twice_and_a_nameless_dimension_are_told_at_once() {
    let (_directory, home) = house();
    configure(&home, |configuration| {
        configuration["ledger"]["key"] = "keys/statement.jwk".into();
        configuration["keys"]["statement"] = "keys/ledger.jwk".into();
        let key = configuration["bundle"]["trust"]["keys"][0].clone();
        configuration["bundle"]["trust"]["keys"] = serde_json::json!([key, key]);
        configuration["environment"] = serde_json::json!({"": "eu-1"});
    });

    let refusal = home.serve_in_vain().await;

    assert_eq!(refusal.status, 2, "{}", refusal.said);
    for named in ["key for ES256", "key for Ed25519", "twice", "the dimension \"\""] {
        assert!(refusal.said.contains(named), "{named} is not among the faults:\n{}", refusal.said);
    }
}

#[tokio::test]
async fn a_note_key_that_the_mesh_does_not_list_is_told_before_its_notes_are_needed() {
    let (_directory, home) = house();
    configure(&home, |configuration| configuration["bundle"]["noteKey"] = "keys/ledger.jwk".into());
    says_once(&home, "bundle.noteKey").await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_is_named() {
    let (_directory, home) = house();
    // Removed and not merely forbidden: to root nothing is forbidden.
    fs::remove_dir_all(home.file("bundle")).unwrap();
    says_once(&home, "/bundle").await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let (_directory, home) = house();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    configure(&home, |configuration| configuration["listen"]["http"] = address.clone().into());
    says_once(&home, &address).await;
}

#[tokio::test]
async fn a_second_server_on_the_same_ledger_is_refused() {
    let (_directory, home) = house();
    let first = Court::start(&home).await;
    let refusal = home.serve_in_vain().await;
    assert_eq!(refusal.status, 2, "{}", refusal.said);
    let line = refusal.said.lines().find(|line| line.contains("/ledger")).unwrap_or_default();
    assert!(line.contains("another process"), "who holds the ledger:\n{}", refusal.said);
    drop(first);
}

/// One line says it, and the server ends with an error.
async fn says_once(home: &Home, what: &str) {
    let refusal = home.serve_in_vain().await;
    assert_eq!(refusal.status, 2, "{}", refusal.said);
    let lines: Vec<&str> = refusal.said.lines().filter(|line| line.contains(what)).collect();
    assert_eq!(lines.len(), 1, "{what} in one line:\n{}", refusal.said);
}
