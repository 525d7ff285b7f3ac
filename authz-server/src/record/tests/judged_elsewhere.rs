//! Judges a case under other conditions: from the record, on threads with other stack sizes, and with the bundle in
//! another order. This must not change a byte of the verdict, nor of the record except the bundle's name.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use ledger::Entry;
use ledger::entry::{Decision, IntegerJson, Nonce, Stamps};

use super::warrant_of;
use crate::keys::DigestKey;
use crate::permuted::{What, permuted};
use crate::policy_fixture::bundle;
use crate::record::{self, JudgedAgain};
use policy::Bundle;
use policy::decision::{Case, judge};
use warrant::Digest;

/// A much smaller and a much larger stack than a test's own thread has.
const STACKS: [usize; 2] = [256 * 1024, 256 * 1024 * 1024];

/// One order in which the bundle stays the same, and others in which it is another bundle that must decide the same.
const ORDERS: [(What, u64); 4] =
    [(What::Keys, 1), (What::Everything, 2), (What::Everything, 3), (What::Everything, 4)];

/// `case`: the same request under any bundle.
pub(super) fn check_judged_elsewhere<'a>(bundle: &'a Bundle, case: impl Fn(&'a Bundle) -> Case<'a> + Sync) {
    let key = DigestKey::generate().unwrap();
    let recorded = |by: &'a Bundle| {
        let case = case(by);
        record::of_case("d", &case, warrant_of(&case), &judge(&case, by), by, &key)
    };
    let entry = recorded(bundle);
    let bytes = bytes_of(&entry);
    let (_, Entry::Decision(read)) = Entry::read(&bytes).unwrap() else { panic!("no decision") };
    let withheld = read.args.values().any(|value| matches!(value, IntegerJson::Object(_)));
    let expected = (bytes.clone(), if withheld { JudgedAgain::Withheld } else { JudgedAgain::Same });
    let told = String::from_utf8_lossy(&bytes);

    for stack in STACKS {
        let found =
            on_a_stack_of(stack, || (bytes_of(&recorded(bundle)), record::judge_again(&read, bundle)));
        assert_eq!(found, expected, "on {stack} bytes: {told}");
    }
    for (order, other) in ORDERS.iter().zip(orders(bundle)) {
        let is_same_bundle = other.digest() == bundle.digest();
        assert!(is_same_bundle || order.0 == What::Everything, "keys alone make another bundle: {order:?}");
        let taken = Decision { bundle: entry.bundle.clone(), ..recorded(other) };
        assert_eq!((bytes_of(&taken), record::judge_again(&read, other)), expected, "{order:?}: {told}");
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

/// The bundle in each of the orders; made once for each bundle, because every case of these tests needs it.
fn orders(of: &Bundle) -> &'static [Bundle] {
    static MADE: Mutex<BTreeMap<Digest, &'static [Bundle]>> = Mutex::new(BTreeMap::new());
    MADE.lock().unwrap().entry(of.digest()).or_insert_with(|| {
        let made = ORDERS.iter().map(|(what, seed)| bundle(&permuted(of.files(), *what, *seed)));
        Vec::leak(made.collect())
    })
}
