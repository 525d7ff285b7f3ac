//! The closed lists of what the verifier can say. `verifier.js` has the words for each code.

use serde::{Serialize, Serializer};

/// Defines a closed list of codes.
macro_rules! codes {
    ($(#[doc = $doc:literal])+ pub enum $name:ident { $( $(#[doc = $says:literal])+ $code:ident = $text:literal, )+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $( $(#[doc = $says])+ $code, )+ }

        impl $name {
            /// Every code.
            pub const ALL: &[Self] = &[$( Self::$code ),+];

            /// The code as it is answered.
            #[must_use]
            pub fn code(self) -> &'static str { match self { $( Self::$code => $text, )+ } }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.code())
            }
        }
    };
}

codes! {
    /// What came out. Only `proved`, `consistent` and `key` are good.
    pub enum Outcome {
        /// The proof holds.
        Proved = "proved",
        /// The log of the newer checkpoint continues the log of the older one.
        Consistent = "consistent",
        /// It is a verification key.
        Key = "key",
        /// The log signed two checkpoints that cannot both be true.
        Forked = "forked",
        /// The call itself is malformed.
        BadCall = "bad-call",
        /// A verification key cannot be read, or is of the wrong kind.
        BadKey = "bad-key",
        /// It does not have the format of a proof.
        NotAProof = "not-a-proof",
        /// It does not have the format of a checkpoint.
        NotACheckpoint = "not-a-checkpoint",
        /// The checkpoint is of a log with another name than the key.
        AnotherLog = "another-log",
        /// The checkpoint has no signature by this key.
        AnotherKey = "another-key",
        /// The log's signature under the checkpoint does not hold.
        CheckpointSignature = "checkpoint-signature",
        /// The cosignature of a witness under the checkpoint does not hold.
        WitnessSignature = "witness-signature",
        /// Fewer of the given witnesses cosigned the checkpoint than were asked for.
        TooFewWitnesses = "too-few-witnesses",
        /// The entry is not one that a ledger writes.
        EntryNotCanonical = "entry-not-canonical",
        /// The index and the number of hashes do not fit the size of the checkpoint.
        SizeMismatch = "size-mismatch",
        /// The path from the entry leads to another root than the checkpoint's.
        AnotherRoot = "another-root",
        /// The proof holds, and is about another decision or another kind of entry.
        WrongDecision = "wrong-decision",
        /// The checkpoints have different sizes, and there is no proof that connects them.
        ProofNeeded = "proof-needed",
        /// The proof begins at another size, or ends in another checkpoint.
        ProofOfOthers = "proof-of-others",
        /// The proof does not connect the checkpoints: either they are forked, or the proof is damaged.
        Unproved = "unproved",
    }
}

codes! {
    /// Which part of what was given an outcome is about.
    pub enum Part {
        /// The call.
        Call = "call",
        /// The log's key.
        LogKey = "log-key",
        /// A witness's key.
        WitnessKey = "witness-key",
        /// The form of the proof.
        Proof = "proof",
        /// The entry in it.
        Entry = "entry",
        /// The hashes in it.
        Path = "path",
        /// The checkpoint in it.
        Checkpoint = "checkpoint",
        /// The cosignatures.
        Witnesses = "witnesses",
        /// The decision that the entry is about.
        Decision = "decision",
        /// The older checkpoint.
        Older = "older",
        /// The newer checkpoint.
        Newer = "newer",
    }
}

codes! {
    /// What is proved.
    pub enum Proved {
        /// This entry, byte for byte, is in the log at this index.
        EntryInLog = "entry-in-log",
        /// The log's key signed the checkpoint.
        SignedByLog = "signed-by-log",
        /// The entry is the decision that was asked for.
        DecisionAskedFor = "decision-asked-for",
        /// As many witnesses as were asked for have seen the checkpoint.
        SeenByWitnesses = "seen-by-witnesses",
        /// Every entry below the older size is the same in both, at the same place.
        OnlyGrew = "only-grew",
        /// The log's key signed two histories that contradict each other.
        TwoHistories = "two-histories",
    }
}

codes! {
    /// What stays open, however good the proof is.
    pub enum LeftOpen {
        /// Whether the policy of then really decides so.
        JudgedRight = "judged-right",
        /// Whether the request reached its upstream, and how it ended.
        HowItEnded = "how-it-ended",
        /// Whether the times are right.
        Times = "times",
        /// Whether everybody else is shown the same log.
        SameForAll = "same-for-all",
        /// Whether the other entries of the log hold.
        OtherEntries = "other-entries",
        /// Whether it is the decision that the person asked for.
        WhichDecision = "which-decision",
    }
}
