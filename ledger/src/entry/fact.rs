//! Entry kinds that are facts: they can change all later decisions.

use super::define::kind;
use content_digest::Digest;

use super::value::{FactScope, Posture, RevocationTarget};

kind! { "revocation/1"
    /// From this index on, nothing that this entry names is allowed.
    pub struct Revocation {
        /// Who asked for it.
        by: String,
        /// The issuer whose warrants are revoked; empty for keys and holders.
        iss: String,
        /// The reason, in the words of the person who asked.
        reason: String,
        /// When it may be forgotten, in seconds, because everything that it names has expired; `null`: until reinstated.
        until: Option<u64>,
        /// The path, thumbprint, lineage or holder.
        value: String,
        /// What the value is.
        what: RevocationTarget,
    }
}

kind! { "reinstate/1"
    /// A revocation of a key or a holder ended.
    pub struct Reinstate {
        /// Who asked for it.
        by: String,
        /// As in the revocation.
        iss: String,
        /// The reason, in the words of the person who asked.
        reason: String,
        /// As in the revocation.
        value: String,
        /// As in the revocation.
        what: RevocationTarget,
    }
}

kind! { "attestation/1"
    /// An attestor made a statement about a workload.
    pub struct AttestationStatement {
        /// Whether the workload runs in a debug mode; `null` if the statement does not say.
        debug: Option<bool>,
        /// Until when it is valid, in seconds.
        exp: u64,
        /// When the statement was made, in seconds.
        iat: u64,
        /// The attestor.
        iss: String,
        /// The thumbprint of the workload's key; `null` if the statement names none.
        key: Option<String>,
        /// The measurements.
        measurement: Vec<Digest>,
        /// Whether the statement is positive. A valid negative statement denies.
        positive: bool,
        /// The digest of the statement.
        statement: Digest,
        /// The workload: its SPIFFE ID.
        subject: String,
    }
}

kind! { "condition/1"
    /// An attestor stated a condition of an environment or of the mesh.
    pub struct ConditionStatement {
        /// Until when it is valid, in seconds.
        exp: u64,
        /// When the statement was made, in seconds.
        iat: u64,
        /// The attestor.
        iss: String,
        /// The name of the condition.
        name: String,
        /// `mesh` or `environment`.
        scope: FactScope,
        /// The digest of the statement.
        statement: Digest,
        /// The environment, as `dimension=value`; empty for the mesh.
        subject: String,
        /// Its value.
        value: String,
    }
}

kind! { "posture/1"
    /// The posture was changed: how much is allowed.
    pub struct PostureChange {
        /// Who asked for it.
        by: String,
        /// The reason, in the words of the person who asked.
        reason: String,
        /// Where it applies.
        scope: FactScope,
        /// The new posture.
        stance: Posture,
        /// The route, environment or issuer; empty for the mesh.
        subject: String,
    }
}

kind! { "activation/1"
    /// A policy bundle became the active one.
    pub struct Activation {
        /// Its manifest's digest.
        bundle: Digest,
        /// When it expires, in seconds. No note can extend this.
        expires: u64,
        /// The bundle before it.
        previous: Option<Digest>,
        /// The trusts that this bundle and earlier bundles replaced, sorted. None of them may sign a later bundle.
        retired: Vec<Digest>,
        /// Its version, which never goes down.
        version: u64,
    }
}
