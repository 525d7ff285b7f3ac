//! Entry kinds that are facts: they can change all later decisions.

use super::define::{kind, object};
use content_digest::Digest;

use super::value::{FactScope, Posture, RevocationTarget};

kind! { "revocation/1"
    /// From this index on, nothing that this entry names is allowed.
    pub struct Revocation {
        /// The bundle whose policies permitted it; `null` if it was recorded without a server.
        bundle: Option<Digest>,
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
        /// Its index in the log before a restore from a backup; `null` if it was not restored.
        was: Option<u64>,
        /// What the value is.
        what: RevocationTarget,
    }
}

kind! { "reinstate/1"
    /// A revocation of a key or a holder ended.
    pub struct Reinstate {
        /// The bundle whose policies permitted it; `null` if it was recorded without a server.
        bundle: Option<Digest>,
        /// Who asked for it.
        by: String,
        /// As in the revocation.
        iss: String,
        /// The reason, in the words of the person who asked.
        reason: String,
        /// The index of the revocation that it ends.
        revocation: u64,
        /// As in the revocation.
        value: String,
        /// As in the revocation.
        what: RevocationTarget,
    }
}

kind! { "attestation/1"
    /// An attestor made a statement about a workload.
    pub struct AttestationStatement {
        /// The bundle whose attestors it was checked against; `null` if it was recorded without a server.
        bundle: Option<Digest>,
        /// Whether debugging is enabled in the workload; `null` if the statement does not say.
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
        /// The key that signed it.
        signer: Signer,
        /// The digest of the statement.
        statement: Digest,
        /// The workload: its SPIFFE ID.
        subject: String,
        /// Its index in the log before a restore from a backup; `null` if it was not restored.
        was: Option<u64>,
    }
}

object! { "Signer"
    /// The key that signed a statement.
    pub struct Signer {
        /// SHA-256 of the DER of the certificate to which the key's own leads; `null` if the attestor's key set has the key.
        anchor: Option<Digest>,
        /// Its JWK thumbprint (RFC 7638).
        key: String,
        /// When its certificate expires, in seconds; `null` if it has none.
        until: Option<u64>,
    }
}

kind! { "condition/1"
    /// An attestor stated a condition of an environment or of the mesh.
    pub struct ConditionStatement {
        /// The bundle whose attestors it was checked against; `null` if it was recorded without a server.
        bundle: Option<Digest>,
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
        /// The key that signed it.
        signer: Signer,
        /// The digest of the statement.
        statement: Digest,
        /// The environment, as `dimension=value`; empty for the mesh.
        subject: String,
        /// Its value.
        value: String,
        /// Its index in the log before a restore from a backup; `null` if it was not restored.
        was: Option<u64>,
    }
}

kind! { "posture/1"
    /// The posture was changed: how much is allowed.
    pub struct PostureChange {
        /// The bundle whose policies permitted it; `null` if it was recorded without a server.
        bundle: Option<Digest>,
        /// Who asked for it.
        by: String,
        /// The reason, in the words of the person who asked.
        reason: String,
        /// The index of the newest entry about the same scope and subject. It is required where that posture was
        /// stricter, so that a caller who loosens it has seen it; otherwise it may be `null`.
        replaces: Option<u64>,
        /// Where it applies.
        scope: FactScope,
        /// The new posture.
        stance: Posture,
        /// The route, environment or issuer; empty for the mesh.
        subject: String,
        /// Its index in the log before a restore from a backup; `null` if it was not restored.
        was: Option<u64>,
    }
}

object! { "RoutesOverBase"
    /// The routes of teams over a base that others have signed.
    pub struct RoutesOverBase {
        /// The digest of the base's manifest. `version` is the base's.
        base: Digest,
        /// The version of the routes, which never goes down over one base.
        version: u64,
    }
}

kind! { "activation/1"
    /// A policy bundle became the active one.
    pub struct Activation {
        /// The attestors of the bundle, sorted. Statements of other attestors no longer count, also if a later bundle names
        /// their attestor again.
        attestors: Vec<String>,
        /// Its manifest's digest.
        bundle: Digest,
        /// When it expires, in seconds. No note can extend this.
        expires: u64,
        /// The bundle before it.
        previous: Option<Digest>,
        /// The trusts that this bundle and earlier bundles replaced, sorted. None of them may sign a later bundle.
        retired: Vec<Digest>,
        /// The base, if the routes of teams were signed apart from it. `bundle` is then the digest of their manifest.
        routes: Option<RoutesOverBase>,
        /// Its version, which never goes down.
        version: u64,
        /// Its index in the log before a restore from a backup; `null` if it was not restored.
        was: Option<u64>,
    }
}
