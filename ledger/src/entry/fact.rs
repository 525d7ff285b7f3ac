//! Entries that change what may be decided from then on.

use content_digest::Digest;

use super::shape::kind;
use super::value::{Revoked, Scope, Stance};

kind! { "revocation/1"
    /// From this index on, nothing that it names is allowed.
    pub struct Revocation {
        /// Who asked for it.
        by: String,
        /// The issuer whose warrants are meant; empty for keys and holders.
        iss: String,
        /// Why, in the words of who asked.
        reason: String,
        /// When it may be forgotten, in seconds, since nothing it names can still be valid; `null`: until reinstated.
        until: Option<u64>,
        /// The path, thumbprint, lineage or holder.
        value: String,
        /// What the value is.
        what: Revoked,
    }
}

kind! { "reinstate/1"
    /// A revocation of a key or a holder ends.
    pub struct Reinstate {
        /// Who asked for it.
        by: String,
        /// As in the revocation.
        iss: String,
        /// Why, in the words of who asked.
        reason: String,
        /// As in the revocation.
        value: String,
        /// As in the revocation.
        what: Revoked,
    }
}

kind! { "attestation/1"
    /// An attestor stated something about a workload.
    pub struct Attestation {
        /// Whether the workload runs in a debug mode; `null`: not said.
        debug: Option<bool>,
        /// Until when it is current, in seconds.
        exp: u64,
        /// When it was stated, in seconds.
        iat: u64,
        /// The attestor.
        iss: String,
        /// The thumbprint of the workload's key, where the statement names one.
        key: Option<String>,
        /// What was measured.
        measurement: Vec<Digest>,
        /// Whether the statement speaks for the workload; a current negative one denies.
        positive: bool,
        /// The statement's own digest.
        statement: Digest,
        /// The workload: its SPIFFE ID.
        subject: String,
    }
}

kind! { "condition/1"
    /// An attestor stated a condition of an environment or of the mesh.
    pub struct State {
        /// Until when it is current, in seconds.
        exp: u64,
        /// When it was stated, in seconds.
        iat: u64,
        /// The attestor.
        iss: String,
        /// Which condition.
        name: String,
        /// `mesh` or `environment`.
        scope: Scope,
        /// The statement's own digest.
        statement: Digest,
        /// The environment, as `dimension=value`; empty for the mesh.
        subject: String,
        /// Its value.
        value: String,
    }
}

kind! { "posture/1"
    /// How much is allowed at all was changed.
    pub struct Posture {
        /// Who asked for it.
        by: String,
        /// Why, in the words of who asked.
        reason: String,
        /// Where it holds.
        scope: Scope,
        /// How much is allowed there.
        stance: Stance,
        /// The route, environment or issuer; empty for the mesh.
        subject: String,
    }
}

kind! { "activation/1"
    /// A policy bundle became the active one.
    pub struct Activation {
        /// Its manifest's digest.
        bundle: Digest,
        /// Until when it is valid, whatever a note says, in seconds.
        expires: u64,
        /// The one before it.
        previous: Option<Digest>,
        /// The trusts that this bundle and those before it have replaced, sorted: none may sign a later one.
        retired: Vec<Digest>,
        /// Its version, which only rises.
        version: u64,
    }
}
