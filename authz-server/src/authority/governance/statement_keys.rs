//! The keys of statements, and which of them signs for a proxy. A proxy takes only statements of the keys that its filters pin, so
//! the next key is used only when every proxy has said that it pins it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;
use warrant::statement::pin;
use warrant::{Digest, Seconds};

use super::HeardProxies;
use crate::keys::{ListKeys, NamedSigner};

/// The keys that this server has, and the proxies that ask it.
pub struct StatementKeys {
    list: ListKeys,
    heard: HeardProxies,
    /// The pin of the key that all proxies have been found to pin. It stays in use, even if a proxy without it comes later: the
    /// others may have given up the key before.
    in_use: Mutex<Option<Digest>>,
}

/// A key as it is shown to operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ShownKey {
    kid: String,
    /// As a filter says that it pins it.
    pin: String,
    /// Whether it signs for every proxy that pins it.
    signs: bool,
}

impl StatementKeys {
    #[must_use]
    pub fn new(list: ListKeys, heard: HeardProxies) -> StatementKeys {
        StatementKeys { list, heard, in_use: Mutex::default() }
    }

    /// The key that signs for a proxy with these pins, if this server has a key at all, and after it one that may sign in its place
    /// if the first key's signer does not answer. A proxy that pins only one of two gets its statements by that one.
    pub(super) fn signers_for(&self, pins: &[Digest], now: Seconds) -> Vec<NamedSigner> {
        let mut keys = (self.list)();
        let [first, next] = keys.as_slice() else {
            keys.truncate(1);
            return keys;
        };
        match [first, next].map(|key| pins.contains(&pin_of(key))) {
            [true, true] => {
                if self.is_in_use(pin_of(next), now) {
                    keys.reverse();
                }
            }
            [false, true] => drop(keys.remove(0)),
            [_, false] => keys.truncate(1),
        }
        keys
    }

    /// All keys, the first before the next.
    #[must_use]
    pub fn shown(&self, now: Seconds) -> Vec<ShownKey> {
        let keys = (self.list)();
        let next_signs = keys.get(1).is_some_and(|next| self.is_in_use(pin_of(next), now));
        let shown = |(position, key): (usize, &NamedSigner)| ShownKey {
            kid: key.kid.clone(),
            pin: pin_of(key).to_base64url(),
            signs: (position > 0) == next_signs,
        };
        keys.iter().enumerate().map(shown).collect()
    }

    fn is_in_use(&self, pin: Digest, now: Seconds) -> bool {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if *in_use != Some(pin) && self.heard.all_pin(pin, now) {
            tracing::info!(
                pin = pin.to_base64url(),
                "every proxy pins the next key: statements are signed with it"
            );
            *in_use = Some(pin);
        }
        *in_use == Some(pin)
    }
}

fn pin_of(key: &NamedSigner) -> Digest {
    pin(&key.kid, key.public_key())
}

impl fmt::Debug for StatementKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatementKeys").field("keys", &(self.list)()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::governance::{Instance, ProxyReport};
    use crate::keys::PrivateKey;
    use warrant::Algorithm;

    const NOW: u64 = 1_800_000_000;

    fn key(kid: &str) -> NamedSigner {
        PrivateKey::generate(Algorithm::Es256, Some(kid)).unwrap().into()
    }

    #[test]
    fn the_next_key_signs_when_every_proxy_pins_it_and_then_for_good() {
        let (first, next) = (key("s1"), key("s2"));
        let [old, new] = [&first, &next].map(pin_of);
        let heard = HeardProxies::default();
        let both = [first, next];
        let keys = StatementKeys::new(Box::new(move || both.to_vec()), heard.clone());
        let signers = |pins: &[Digest], now| {
            let kids = keys.signers_for(pins, Seconds::new(now)).into_iter().map(|key| key.kid);
            kids.collect::<Vec<_>>().join(" ")
        };
        let poll = |instance: &str, pins: &[Digest], now: u64| {
            let (instance, digest) = (Instance::parse(instance).unwrap(), Digest::of(b"d"));
            let pins = pins.to_vec();
            let report =
                ProxyReport { instance, seq: 1, judged: 1, module: digest, configuration: digest, pins };
            heard.note("local", report, now * 1000);
        };
        let [one, other] = ["000000000000000a", "000000000000000b"];
        poll(one, &[old], NOW);
        poll(other, &[old, new], NOW);
        assert_eq!(
            [signers(&[old], NOW), signers(&[old, new], NOW), signers(&[], NOW)],
            ["s1", "s1 s2", "s1"]
        );
        assert_eq!(signers(&[new], NOW), "s2", "no other key is of use to it");
        poll(one, &[old, new], NOW + 1);
        assert_eq!([signers(&[old, new], NOW + 1), signers(&[new], NOW + 1)], ["s2 s1", "s2"]);
        assert_eq!(
            keys.shown(Seconds::new(NOW + 1)).iter().map(|key| key.signs).collect::<Vec<_>>(),
            [false, true]
        );
        // A proxy that comes later with the old pins alone gets its statements, and takes nothing from the others.
        poll("000000000000000c", &[old], NOW + 2);
        assert_eq!(
            [signers(&[old], NOW + 2), signers(&[], NOW + 2), signers(&[old, new], NOW + 2)],
            ["s1", "s1", "s2 s1"]
        );
    }

    #[test]
    fn the_only_key_signs_for_everybody() {
        let only = key("s1");
        let pinned = pin_of(&only);
        let keys = StatementKeys::new(Box::new(move || vec![only.clone()]), HeardProxies::default());
        for pins in [&[][..], &[pinned], &[Digest::of(b"another")]] {
            assert_eq!(keys.signers_for(pins, Seconds::new(NOW)).remove(0).kid, "s1");
        }
        let none = StatementKeys::new(Box::new(Vec::new), HeardProxies::default());
        assert!(none.signers_for(&[], Seconds::new(NOW)).is_empty());
    }
}
