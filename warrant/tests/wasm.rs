//! The crate built for `wasm32-unknown-unknown` gives every golden vector the expected answer. This test builds the
//! module and runs it in wasmi.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::as_conversions,
    reason = "tests may panic"
)]

use std::{path::Path, process::Command};

use wasmi::{Engine, Linker, Memory, Module, Store, TypedFunc};

struct Guest {
    store: Store<()>,
    memory: Memory,
    buffer: TypedFunc<u32, u32>,
    judge: TypedFunc<(), u32>,
}

#[test]
fn every_vector_has_the_same_answer_in_wasm() {
    let mut guest = Guest::load();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
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
            buffer: instance.get_typed_func(&store, "buffer").unwrap(),
            judge: instance.get_typed_func(&store, "judge").unwrap(),
            store,
        }
    }

    fn judge(&mut self, vector: &[u8]) -> String {
        let at = self.buffer.call(&mut self.store, u32::try_from(vector.len()).unwrap()).unwrap() as usize;
        self.memory.write(&mut self.store, at, vector).unwrap();
        let length = self.judge.call(&mut self.store, ()).expect("no vector makes the module panic");
        let mut answer = vec![0; length as usize];
        self.memory.read(&self.store, at, &mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }
}

/// Builds the module with `./dev`, because not every toolchain has the target installed.
fn build() -> Vec<u8> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let built = Command::new("sh")
        .args(["dev", "module", "warrant-guest", "--profile", "guest"])
        .current_dir(repository)
        .env_remove("RUSTFLAGS")
        .status()
        .expect("a shell runs");
    assert!(
        built.success(),
        "`warrant` does not build for wasm32-unknown-unknown: `./dev build` installs what is missing"
    );
    let target = repository.join("target/wasm/wasm32-unknown-unknown/guest");
    std::fs::read(target.join("warrant_guest.wasm")).unwrap()
}
