//! The wasm build of the law gives every golden vector the answer that it expects. The module is built here, for
//! `wasm32-unknown-unknown`, and runs in wasmi.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::as_conversions,
    reason = "tests may panic"
)]

use std::{path::PathBuf, process::Command};

use wasmi::{Engine, Linker, Memory, Module, Store, TypedFunc};

struct Guest {
    store: Store<()>,
    memory: Memory,
    room: TypedFunc<u32, u32>,
    judge: TypedFunc<(), u32>,
}

#[test]
fn every_vector_has_the_same_answer_in_wasm() {
    let mut guest = Guest::load();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut judged = 0_usize;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let vector: serde_json::Value = serde_json::from_str(&text).unwrap();
        let answer = guest.judge(text.as_bytes());
        if vector.get("expect").and_then(serde_json::Value::as_str) != Some(&answer) {
            wrong.push(format!("{}: {answer}", path.display()));
        }
        judged = judged.saturating_add(1);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(judged >= 120, "{judged} vectors");
    println!("{judged} vectors judged in wasm");
}

impl Guest {
    fn load() -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, build()).expect("the module is valid");
        let mut store = Store::new(&engine, ());
        let instance =
            Linker::new(&engine).instantiate_and_start(&mut store, &module).expect("it imports nothing");
        Self {
            memory: instance.get_memory(&store, "memory").unwrap(),
            room: instance.get_typed_func(&store, "room").unwrap(),
            judge: instance.get_typed_func(&store, "judge").unwrap(),
            store,
        }
    }

    fn judge(&mut self, vector: &[u8]) -> String {
        let at = self.room.call(&mut self.store, u32::try_from(vector.len()).unwrap()).unwrap() as usize;
        self.memory.write(&mut self.store, at, vector).unwrap();
        let length = self.judge.call(&mut self.store, ()).expect("no vector makes the module panic");
        let mut answer = vec![0; length as usize];
        self.memory.read(&self.store, at, &mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }
}

/// Builds the module with the cargo that runs this test, into a folder of its own, so that it never waits for the lock
/// of the build that started it.
fn build() -> Vec<u8> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("guest");
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "warrant-guest",
            "--target",
            "wasm32-unknown-unknown",
            "--profile",
            "guest",
        ])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("RUSTFLAGS")
        .status()
        .expect("cargo runs");
    assert!(
        built.success(),
        "the law does not build for wasm32-unknown-unknown; if the target is missing: rustup target add wasm32-unknown-unknown"
    );
    std::fs::read(target.join("wasm32-unknown-unknown/guest/warrant_guest.wasm")).unwrap()
}
