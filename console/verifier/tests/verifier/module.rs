//! Asks the verifier natively, and the Wasm module that browsers get in a Wasm runtime.

use serde_json::{Value, json};
use wasmi::{Engine, Instance, Linker, Memory, Module, Store, TypedFunc};

/// Both at once.
pub(crate) struct Both {
    store: Store<()>,
    memory: Memory,
    input: TypedFunc<u32, u32>,
    answer: TypedFunc<(), u32>,
    length: TypedFunc<(), u32>,
    instance: Instance,
}

/// The answer of the native code alone.
pub(crate) fn natively(call: &Value) -> Value {
    serde_json::from_slice(&console_verifier::answer(call.to_string().as_bytes())).unwrap()
}

/// What came out, and about which part.
pub(crate) fn outcome(answer: &Value) -> (&str, &str) {
    (answer["outcome"].as_str().unwrap(), answer["part"].as_str().unwrap_or(""))
}

impl Both {
    pub(crate) fn new() -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, proof_page::MODULE).unwrap();
        assert_eq!(module.imports().count(), 0, "the module can do nothing but answer");
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate_and_start(&mut store, &module).unwrap();
        Self {
            memory: instance.get_memory(&store, "memory").unwrap(),
            input: instance.get_typed_func(&store, "input").unwrap(),
            answer: instance.get_typed_func(&store, "answer").unwrap(),
            length: instance.get_typed_func(&store, "length").unwrap(),
            instance,
            store,
        }
    }

    /// The answer, which is the same from both.
    pub(crate) fn ask(&mut self, call: &Value) -> Value {
        let native = natively(call);
        let module = self.ask_module(call.to_string().as_bytes()).unwrap();
        assert_eq!(module, native, "the module answers otherwise");
        native
    }

    /// The module's answer; `None` if the call is too long.
    pub(crate) fn ask_module(&mut self, call: &[u8]) -> Option<Value> {
        let at = self.input.call(&mut self.store, u32::try_from(call.len()).unwrap()).unwrap() as usize;
        if at == 0 {
            return None;
        }
        self.memory.write(&mut self.store, at, call).unwrap();
        let from = self.answer.call(&mut self.store, ()).unwrap() as usize;
        let mut answer = vec![0; self.length.call(&mut self.store, ()).unwrap() as usize];
        self.memory.read(&self.store, from, &mut answer).unwrap();
        Some(serde_json::from_slice(&answer).unwrap())
    }

    fn release(&mut self) {
        let release: TypedFunc<(), ()> = self.instance.get_typed_func(&self.store, "release").unwrap();
        release.call(&mut self.store, ()).unwrap();
    }
}

#[test]
fn a_call_that_is_not_one_is_refused_and_the_next_one_is_answered() {
    let mut both = Both::new();
    for call in [&b""[..], b"{}", b"[]", b"\xff\xfe", b"{\"call\":\"other\"}", b"{\"call\":\"key\"}"] {
        assert_eq!(outcome(&both.ask_module(call).unwrap()), ("bad-call", "call"));
    }
    let deep = "[".repeat(500_000);
    assert_eq!(outcome(&both.ask_module(deep.as_bytes()).unwrap()), ("bad-call", "call"));
    assert!(both.ask_module(&vec![b' '; console_verifier::BYTES_AT_MOST + 1]).is_none());
    both.release();
    let key = super::example::log_key().to_string();
    let answer = both.ask(&json!({"call": "key", "key": key}));
    assert_eq!((outcome(&answer), &answer["name"]), (("key", ""), &json!(super::example::ORIGIN)));
}
