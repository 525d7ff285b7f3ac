//! The closed list of reasons for which a request is denied.
//!
//! The gate, the server and the seal, the metrics, the problem documents and the docs all take their reasons from here.
//! The variants are **in order of precedence**: when two hold, the earlier one is the answer. There is one exception:
//! once the route is known, `lifetime-too-long`, `lineage-too-deep` and `outside-warrant` can be raised again, for the
//! route's own limits and for arguments.

/// Who can raise a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// The filter before ext_authz.
    Gate,
    /// The server.
    Court,
    /// The filter after ext_authz.
    Seal,
}

impl Component {
    /// The name that the docs use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Court => "court",
            Self::Seal => "seal",
        }
    }
}

struct DenialRow {
    code: &'static str,
    status: u16,
    raised_by: &'static [Component],
    title: &'static str,
    meaning: &'static str,
    cure: &'static str,
}

macro_rules! denials {
    ($($name:ident = $code:literal $status:literal [$($component:ident),+] $title:literal, $meaning:literal, $cure:literal;)+) => {
        /// One reason for which a request is denied.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Denial {
            $(#[doc = $meaning] $name,)+
        }

        impl Denial {
            /// Every denial there is, in order of precedence.
            pub const ALL: &[Denial] = &[$(Denial::$name,)+];

            const fn row(self) -> DenialRow {
                match self {
                    $(Denial::$name => DenialRow {
                        code: $code,
                        status: $status,
                        raised_by: &[$(Component::$component),+],
                        title: $title,
                        meaning: $meaning,
                        cure: $cure,
                    },)+
                }
            }
        }
    };
}

impl Denial {
    /// The stable name in answers, records and metrics.
    pub const fn code(self) -> &'static str {
        self.row().code
    }

    /// The HTTP status of the answer.
    pub const fn status(self) -> u16 {
        self.row().status
    }

    /// A few words for people: the `title` of the problem document.
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// What was found, in one sentence.
    pub const fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// What the client or the operator can do about it.
    pub const fn cure(self) -> &'static str {
        self.row().cure
    }

    /// The components that can raise it.
    pub const fn raised_by(self) -> &'static [Component] {
        self.row().raised_by
    }

    /// The denial that has this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|denial| denial.code() == code)
    }
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for Denial {}

denials! {
    Halted = "halted" 503 [Gate, Court, Seal] "Execution is halted",
        "Execution was halted for the mesh, this environment, this route or this issuer.",
        "Wait until the operators lift the halt.";
    GovernanceStale = "governance-stale" 503 [Gate, Court, Seal] "Governance is out of date",
        "There is no current governance statement or policy, so nothing can be allowed.",
        "Retry shortly. Operators: find out why the statement or the policy note is not renewed.";
    GovernanceInconsistent = "governance-inconsistent" 503 [Gate, Court, Seal] "Governance contradicts itself",
        "The governance statement or policy contradicts an earlier one: it was rolled back, or a clock went back.",
        "Operators: compare the log origin, the sequence and the clock with those that were last accepted.";
    Overloaded = "overloaded" 503 [Gate, Court, Seal] "Too much to verify",
        "There are more new warrants, waiting requests or open streams than the limit allows.",
        "Wait and retry. Use a warrant until it expires; do not mint a new one for each request.";
    RequestAmbiguous = "request-ambiguous" 400 [Gate, Court] "The request can be read in two ways",
        "The path, the header `Warrant` or `Warrant-Proof`, or the proxy's check request can be read in different ways.",
        "Send each header once and in ASCII. The path may not contain an empty segment, a dot segment, `;`, or an escape of a plain character.";
    TargetMismatch = "target-mismatch" 421 [Gate, Court] "This host is not served here",
        "The proxy does not serve the host that the request names.",
        "Use one of the host names that are configured for the proxy.";
    WarrantMissing = "warrant-missing" 401 [Gate, Court] "A warrant is required",
        "The request carries no warrant.",
        "Obtain a warrant and send it in the `Warrant` header.";
    WarrantMalformed = "warrant-malformed" 400 [Gate, Court] "The warrant is malformed",
        "A link of the warrant does not have the required form: its encoding, header, claims or keys.",
        "Run `portcullis warrant inspect` on it: it names the first fault.";
    IssuerUntrusted = "issuer-untrusted" 401 [Gate, Court] "The issuer is not trusted for this",
        "There is no trusted key with this issuer and key id, or the issuer may not vouch for this holder or name this starter.",
        "Obtain the warrant from an authority that the active bundle trusts for this holder.";
    SignatureInvalid = "signature-invalid" 401 [Gate, Court] "A signature does not hold",
        "The signature of a link does not verify with the key that must have signed it.",
        "Mint the warrant again. Do not change a token after it is signed.";
    Expired = "expired" 401 [Gate, Court, Seal] "The warrant has expired",
        "A link of the warrant is past its `exp`.",
        "Obtain a fresh warrant.";
    NotYetValid = "not-yet-valid" 401 [Gate, Court] "The warrant is not valid yet",
        "A link's `nbf` or `iat` is further in the future than the leeway allows.",
        "Wait, or correct the clock of the machine that minted it.";
    LifetimeTooLong = "lifetime-too-long" 403 [Gate, Court] "The warrant is valid for too long",
        "A link's `exp - nbf` is above the limit of the mesh or of the route.",
        "Ask for a warrant with a shorter lifetime.";
    AudienceMismatch = "audience-mismatch" 403 [Gate, Court] "The warrant is for another mesh",
        "A link does not name this mesh in `aud`, or the leaf names more than this mesh.",
        "Obtain or delegate a warrant whose only audience is this mesh.";
    LineageBroken = "lineage-broken" 403 [Gate, Court] "The lineage is broken",
        "A link does not follow the link before it: its `iss`, `parent` or `depth` does not match.",
        "Present all links, in the order in which they were delegated, and no others.";
    LineageWidened = "lineage-widened" 403 [Gate, Court] "A delegation widens its parent",
        "A link claims something that its parent does not have.",
        "The child may not allow more than its parent in any dimension. A constraint that is left out allows more.";
    LineageTooDeep = "lineage-too-deep" 403 [Gate, Court] "The lineage is too deep",
        "A link is deeper in the chain than its `max_depth` or the route allows.",
        "Use a warrant that was delegated fewer times.";
    Revoked = "revoked" 403 [Gate, Court, Seal] "The warrant was revoked",
        "A link, its lineage, one of its keys or one of its holders was revoked.",
        "Obtain a new warrant, if the issuer still grants one.";
    OutsideWarrant = "outside-warrant" 403 [Gate, Court] "The warrant does not cover this request",
        "A link of the warrant does not allow this host, method, path, action, argument or query.",
        "Compare the request with the output of `portcullis warrant inspect`, and ask for what is missing.";
    NoRoutePolicy = "no-route-policy" 403 [Court] "No route policy governs this request",
        "No governed route matches this host, method and path.",
        "Write a route for it, or correct the request.";
    UseTooWide = "use-too-wide" 403 [Court] "The root may be used too often",
        "The root may be used more often than this route accepts.",
        "Obtain a root with the use limit that the route requires. A limit on a delegation does not help.";
    NotIssued = "not-issued" 403 [Court] "The root was never issued",
        "The root is not in the record of issued warrants.",
        "Obtain the warrant from the authority itself. Roots that were minted offline are not accepted here.";
    ArgumentsInvalid = "arguments-invalid" 400 [Court] "An argument cannot be read",
        "An argument that the route declares is missing, occurs twice or has the wrong type.",
        "Send the arguments that the route declares. `portcullis policy show` lists them.";
    IdentityMissing = "identity-missing" 401 [Court] "No validated identity",
        "The route requires a client certificate, and the proxy did not report a validated one.",
        "Connect with mutual TLS.";
    IdentityMismatch = "identity-mismatch" 403 [Court] "The warrant belongs to someone else",
        "The SPIFFE ID of the client certificate is not the leaf's `sub`.",
        "Use the warrant from the workload that it names, or delegate it.";
    ProofMissing = "proof-missing" 401 [Court] "A proof of possession is required",
        "The route requires a `Warrant-Proof`, and the request has none.",
        "Sign the request with the leaf's key and send the proof in `Warrant-Proof`.";
    ProofInvalid = "proof-invalid" 401 [Court] "The proof of possession does not hold",
        "The proof is malformed, is not signed by the leaf's key, is for another request, or was not made recently.",
        "Make a fresh proof for exactly this method, authority, path, query, warrant and body.";
    EnvironmentMismatch = "environment-mismatch" 403 [Court] "The warrant is for another environment",
        "A link or the route requires an environment that this server is not in.",
        "Use a warrant for this region and cluster.";
    ConditionUnmet = "condition-unmet" 403 [Court] "A condition does not hold",
        "A condition that the route requires is not met, is unknown or is too old.",
        "Wait until the condition is met. `portcullis policy explain` names it.";
    AttestationMissing = "attestation-missing" 403 [Court] "No attestation of the workload",
        "An attestation is required, and there is none for this workload.",
        "Attest the workload, or use a client certificate that can be looked up.";
    AttestationInvalid = "attestation-invalid" 403 [Court] "The attestation is invalid or negative",
        "An attestation of this workload is not valid, or says that the workload must not be trusted.",
        "Replace the workload. Its attestor says what was found.";
    AttestationStale = "attestation-stale" 403 [Court] "The attestation is too old",
        "There is no attestation of this workload that is recent enough.",
        "Attest the workload again.";
    AttestationMismatch = "attestation-mismatch" 403 [Court] "The workload is not what the warrant is bound to",
        "A current measurement of the workload is not one of those that a link is bound to.",
        "Run the build that the warrant names, or obtain a warrant for the build that is running.";
    PolicyError = "policy-error" 403 [Court] "The policy could not be evaluated",
        "An error occurred while the policy was evaluated. A policy that fails denies.",
        "Policy authors: `portcullis policy explain` shows which policy failed and why.";
    PolicyDenied = "policy-denied" 403 [Court] "The policy denies this",
        "No policy permits this execution, or one forbids it.",
        "`portcullis policy explain` names the policy. If the policy has a reason, the answer contains it.";
    Replayed = "replayed" 403 [Court] "Already used",
        "An earlier decision already used the last use of the warrant, or the proof.",
        "Obtain another warrant, or make a fresh proof. The answer names the earlier decision.";
    StateUnavailable = "state-unavailable" 503 [Court] "Uses cannot be counted now",
        "The uses or other data that this decision needs are not available.",
        "Retry shortly with a fresh warrant. Operators: compare `burner` in mesh.yaml with the name of this server's log.";
    LedgerUnavailable = "ledger-unavailable" 503 [Court] "The decision could not be recorded",
        "The decision could not be recorded durably. Without a record, nothing is allowed.",
        "Retry shortly. Operators: check the ledger's disk.";
    DeadlineExceeded = "deadline-exceeded" 503 [Court] "The decision took too long",
        "The decision was not complete within its deadline.",
        "Retry. Operators: check the latency of the disk and of the policy.";
    Ungoverned = "ungoverned" 403 [Seal] "There is no decision for this request",
        "The request reached the seal without the stamp of a decision.",
        "Operators: ext_authz was skipped for this request. Compare the proxy's listeners, filter chains and routes with the comments in envoy/envoy.yaml.";
    Altered = "altered" 403 [Seal] "The request is not the one that was decided",
        "The stamp is for another method, authority or path.",
        "Operators: a filter after ext_authz changes requests. Move it before ext_authz.";
    Internal = "internal" 503 [Gate, Court, Seal] "Internal fault",
        "An error occurred inside Portcullis. Every error denies.",
        "Retry. Operators: the log names the decision and the fault.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_kebab_case_and_read_back() {
        let codes: BTreeSet<_> = Denial::ALL.iter().map(|denial| denial.code()).collect();
        assert_eq!(codes.len(), 42);
        for denial in Denial::ALL {
            assert!(denial.code().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{denial}");
            assert_eq!(Denial::from_code(denial.code()), Some(*denial));
        }
        assert_eq!(Denial::from_code("expired "), None);
    }

    #[test]
    fn a_denial_never_reads_as_success() {
        for denial in Denial::ALL {
            assert!(matches!(denial.status(), 400 | 401 | 403 | 421 | 503), "{denial}");
        }
    }

    #[test]
    fn the_list_is_in_order_of_precedence() {
        assert!(Denial::ALL.is_sorted());
        assert!(
            Denial::WarrantMalformed < Denial::IssuerUntrusted && Denial::Expired < Denial::OutsideWarrant
        );
    }
}
