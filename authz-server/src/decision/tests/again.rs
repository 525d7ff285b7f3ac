//! Judged again elsewhere: out of the record, on threads of another size, and by the same bundle in another order. Nothing of
//! that may change a byte of the verdict, nor of the record but the bundle's name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;

use ledger::Entry;
use ledger::entry::{Decision, IntegerJson, Nonce, Stamps};

use crate::decision::{Case, Judgement, judge};
use crate::keys::DigestKey;
use crate::policy::Bundle;
use crate::policy::tests::fixture::bundle;
use crate::policy::tests::permuted::{What, permuted};
use crate::record::{self, Again};

/// Much less than a test's own thread has, and much more.
const STACKS: [usize; 2] = [256 * 1024, 64 * 1024 * 1024];

/// One order in which the bundle says the same, and others in which it is another and must decide alike.
const ORDERS: [(What, u64); 4] =
    [(What::Keys, 1), (What::Everything, 2), (What::Everything, 3), (What::Everything, 4)];

pub(super) fn elsewhere(case: &Case<'_>, bundle: &Bundle, judgement: &Judgement) {
    let key = DigestKey::generate().unwrap();
    let recorded = |by: &Bundle, judgement: &Judgement| record::of_case("d", case, judgement, by, &key);
    let entry = recorded(bundle, judgement);
    let bytes = bytes_of(&entry);
    let (_, Entry::Decision(read)) = Entry::read(&bytes).unwrap() else { panic!("no decision") };
    let withheld = read.args.values().any(|value| matches!(value, IntegerJson::Object(_)));
    let expected = (bytes.clone(), if withheld { Again::Withheld } else { Again::Same });
    let told = String::from_utf8_lossy(&bytes);

    for stack in STACKS {
        let found = on_a_stack_of(stack, || {
            (bytes_of(&recorded(bundle, &judge(case, bundle))), record::again(&read, bundle))
        });
        assert_eq!(found, expected, "on {stack} bytes: {told}");
    }
    for (order, other) in ORDERS.iter().zip(orders(bundle).iter()) {
        let is_same_bundle = other.digest() == bundle.digest();
        assert!(is_same_bundle || order.0 == What::Everything, "keys alone make another bundle: {order:?}");
        let taken = Decision { bundle: entry.bundle.clone(), ..recorded(other, &judge(case, other)) };
        assert_eq!((bytes_of(&taken), record::again(&read, other)), expected, "{order:?}: {told}");
    }
}

fn bytes_of(decision: &Decision) -> Vec<u8> {
    Entry::from(decision.clone()).to_bytes(Stamps { nonce: Nonce([0; 16]), time: 0 }).unwrap()
}

fn on_a_stack_of<T: Send>(bytes: usize, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        thread::Builder::new().stack_size(bytes).spawn_scoped(scope, work).unwrap().join().unwrap()
    })
}

/// The bundle in each of the orders; made once for each bundle, since every case of these tests asks.
fn orders(of: &Bundle) -> Arc<[Bundle]> {
    static MADE: Mutex<BTreeMap<String, Arc<[Bundle]>>> = Mutex::new(BTreeMap::new());
    let name = of.digest().as_str();
    if let Some(made) = MADE.lock().unwrap().get(name) {
        return made.clone();
    }
    let made: Arc<[Bundle]> =
        ORDERS.iter().map(|(what, seed)| bundle(&permuted(of.files(), *what, *seed))).collect();
    MADE.lock().unwrap().insert(name.to_owned(), made.clone());
    made
}
