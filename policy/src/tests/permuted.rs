//! Writes a bundle's documents in another order: keys, lists and the policies within a document. The input is
//! the signed form, so that any bundle that a test has built can be permuted.

use serde_json::Value;

use policy::Files;

/// What is put in another order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Only keys: the canonical form, and so the bundle's digest, stays the same.
    Keys,
    /// Lists and policies too: it is another bundle, which must decide in the same way.
    Everything,
}

/// The documents of this bundle, as a team would write them, in an order that the seed chooses.
pub(crate) fn permuted(packed: &Files, what: What, seed: u64) -> Files {
    let mut order = Order { state: seed, what };
    let mut all = Vec::new();
    for (name, bytes) in packed {
        let text = std::str::from_utf8(bytes).unwrap();
        all.push(match name.strip_suffix(".json") {
            None => (name.clone(), order.policies(text)),
            // The order of cases in a test is left as it is.
            Some(stem) if name.ends_with(".test.json") => (format!("{stem}.yaml"), text.to_owned()),
            Some(stem) => (format!("{stem}.yaml"), order.document(&serde_json::from_str(text).unwrap())),
        });
    }
    all.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}

struct Order {
    state: u64,
    what: What,
}

impl Order {
    /// A number below the bound, by SplitMix64: the same seed gives the same numbers on any machine.
    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound).unwrap();
        usize::try_from((mixed ^ (mixed >> 31)).checked_rem(bound).unwrap()).unwrap()
    }

    fn shuffled<T>(&mut self, items: impl IntoIterator<Item = T>) -> Vec<T> {
        let mut left: Vec<T> = items.into_iter().collect();
        let mut all = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let next = self.below(left.len());
            all.push(left.swap_remove(next));
        }
        all
    }

    /// In block style down to `policy`, which must be a literal block. The rest is JSON, which is YAML too.
    fn document(&mut self, document: &Value) -> String {
        let mut text = String::new();
        for (key, value) in self.shuffled(document.as_object().unwrap()) {
            match value.as_object().filter(|_| key == "spec") {
                None => text.push_str(&format!("{key}: {}\n", self.flow(value))),
                Some(members) => {
                    text.push_str("spec:\n");
                    for (key, value) in self.shuffled(members) {
                        match value.as_str().filter(|_| key == "policy") {
                            None => text.push_str(&format!("  {key}: {}\n", self.flow(value))),
                            Some(policy) => {
                                text.push_str("  policy: |\n");
                                let policies = self.policies(policy);
                                policies.lines().for_each(|line| text.push_str(&format!("    {line}\n")));
                            }
                        }
                    }
                }
            }
        }
        text
    }

    fn flow(&mut self, value: &Value) -> String {
        match value {
            Value::Object(members) => {
                let members: Vec<String> = self
                    .shuffled(members)
                    .into_iter()
                    .map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), self.flow(value)))
                    .collect();
                format!("{{{}}}", members.join(", "))
            }
            Value::Array(items) => {
                let items: Vec<&Value> = match self.what {
                    What::Keys => items.iter().collect(),
                    What::Everything => self.shuffled(items),
                };
                let items: Vec<String> = items.into_iter().map(|item| self.flow(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        }
    }

    /// Splits the policies: in these tests, a policy ends where a line ends in a semicolon.
    fn policies(&mut self, text: &str) -> String {
        if self.what == What::Keys {
            return text.to_owned();
        }
        let mut policies = vec![String::new()];
        for line in text.lines() {
            let last = policies.last_mut().unwrap();
            last.push_str(line);
            last.push('\n');
            if line.ends_with(';') {
                policies.push(String::new());
            }
        }
        self.shuffled(policies).concat()
    }
}
