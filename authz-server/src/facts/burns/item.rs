//! What can be burned: one use of a link, or one proof; and the fixed-size names under which the table counts them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ledger::entry::{BurnKind, Decision};
use warrant::{Burn, Digest, ProofId, Seconds};

/// One item that a decision burned, as its record keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BurnedItem {
    /// One use of the link with this path of `jti`s under this issuer.
    Link { iss: String, path: String, until: Seconds },
    /// One proof by the key with this thumbprint.
    Proof { thumbprint: String, jti: String, until: Seconds },
}

/// Everything that one decision burned. Only `BurnTable::burn` makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct BurnedItems(pub(super) Vec<BurnedItem>);

impl BurnedItems {
    pub fn items(&self) -> impl Iterator<Item = &BurnedItem> {
        self.0.iter()
    }
}

/// Everything that a recorded decision burned.
pub(in crate::facts) fn recorded_items(decision: &Decision) -> impl Iterator<Item = BurnedItem> {
    decision.burns().map(|burned| {
        let (owner, name, until) = (burned.owner, burned.name, Seconds::new(burned.until));
        match burned.what {
            BurnKind::Use => BurnedItem::Link { iss: owner, path: name, until },
            BurnKind::Proof => BurnedItem::Proof { thumbprint: owner, jti: name, until },
        }
    })
}

/// The digest of everything that names an item. The expiry is not part of the name.
///
/// The whole digest is kept. Two names with the same digest would share one count and one expiry, and holders choose
/// the names of their links and proofs: with half of the digest, 2^64 tries would find such a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ItemName(pub(super) [u8; 32]);

impl BurnedItem {
    pub(super) fn name(&self) -> ItemName {
        let (kind, owner, name) = match self {
            BurnedItem::Link { iss, path, .. } => ('u', iss, path),
            BurnedItem::Proof { thumbprint, jti, .. } => ('p', thumbprint, jti),
        };
        ItemName(*digest(kind, owner, name).bytes())
    }

    pub(super) fn until(&self) -> Seconds {
        match self {
            BurnedItem::Link { until, .. } | BurnedItem::Proof { until, .. } => *until,
        }
    }
}

/// The digest of two texts. The length of the first says where the second begins; the kind keeps uses and proofs
/// apart.
pub(super) fn digest(kind: char, first: &str, second: &str) -> Digest {
    Digest::of(format!("{kind}{}:{first}{second}", first.len()).as_bytes())
}

/// One item that a decision wants to burn.
#[derive(Debug)]
pub(super) struct WantedItem {
    pub(super) item: BurnedItem,
    pub(super) name: ItemName,
    /// How often it may be burned.
    pub(super) max: u32,
}

/// Everything that one decision would burn.
#[derive(Debug)]
pub struct Wanted(pub(super) Vec<WantedItem>);

impl Wanted {
    /// One use of every link, and the proof.
    pub fn of(links: &[Burn], proof: Option<&ProofId>) -> Wanted {
        let wanted = |item: BurnedItem, max| WantedItem { name: item.name(), item, max };
        let link = |burn: &Burn| {
            let (iss, path) = (burn.iss.clone(), burn.path.clone());
            wanted(BurnedItem::Link { iss, path, until: burn.exp }, burn.max)
        };
        let proof = proof.map(|id| {
            let (thumbprint, jti) = (id.thumbprint.to_string(), id.jti.clone());
            wanted(BurnedItem::Proof { thumbprint, jti, until: id.forget_after }, 1)
        });
        Wanted(links.iter().map(link).chain(proof).collect())
    }

    pub fn items(&self) -> impl Iterator<Item = &BurnedItem> {
        self.0.iter().map(|wanted| &wanted.item)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A decision's id as its 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DecisionBytes(pub(super) [u8; 16]);

impl DecisionBytes {
    /// All zero if it is not an id of this server's form.
    pub(super) fn of(id: &str) -> DecisionBytes {
        let mut bytes = [0; 16];
        let length = URL_SAFE_NO_PAD.decode_slice(id, &mut bytes);
        if length == Ok(bytes.len()) { DecisionBytes(bytes) } else { DecisionBytes::default() }
    }

    pub(super) fn to_id(self) -> Option<String> {
        (self != DecisionBytes::default()).then(|| URL_SAFE_NO_PAD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_that_differ_in_anything_but_their_expiry_have_different_names() {
        let link = |iss: &str, path: &str, until| BurnedItem::Link {
            iss: iss.into(),
            path: path.into(),
            until: Seconds::new(until),
        };
        let proof = |thumbprint: &str, jti: &str| BurnedItem::Proof {
            thumbprint: thumbprint.into(),
            jti: jti.into(),
            until: Seconds::new(1),
        };
        assert_eq!(link("a", "b", 1).name(), link("a", "b", 2).name());
        let all = [
            link("a", "b", 1),
            link("ab", "", 1),
            link("", "ab", 1),
            link("a", "b/c", 1),
            proof("a", "b"),
            proof("", "ab"),
            link("1:a", "b", 1),
            link("1", ":ab", 1),
        ];
        let names: std::collections::BTreeSet<_> = all.iter().map(|item| item.name().0).collect();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn a_decisions_id_comes_back_and_anything_else_is_unknown() {
        let id = URL_SAFE_NO_PAD.encode([7; 16]);
        assert_eq!(DecisionBytes::of(&id).to_id(), Some(id));
        for other in ["", "d1", "AAAAAAAAAAAAAAAAAAAAAAA", "!!!!!!!!!!!!!!!!!!!!!!"] {
            assert_eq!(DecisionBytes::of(other).to_id(), None, "{other}");
        }
    }
}
