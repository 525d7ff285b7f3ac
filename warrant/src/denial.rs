//! The closed list of reasons for which anything here is refused.
//!
//! One list for gate, court and seal, for metrics, problem documents and the docs: whoever needs a reason takes
//! it from here. The variants stand **in order of precedence**, so the lower of two is the answer; only the
//! rows that a route narrows raise an earlier code later (`decision.md` names them).

/// Who can raise a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Room {
    /// The filter before ext_authz.
    Gate,
    /// The server.
    Court,
    /// The filter after ext_authz.
    Seal,
}

impl Room {
    /// The room's name as the docs write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Court => "court",
            Self::Seal => "seal",
        }
    }
}

struct Entry {
    code: &'static str,
    status: u16,
    rooms: &'static [Room],
    title: &'static str,
    meaning: &'static str,
    cure: &'static str,
}

macro_rules! denials {
    ($($name:ident = $code:literal $status:literal [$($room:ident),+] $title:literal, $meaning:literal, $cure:literal;)+) => {
        /// One reason for which a request is denied.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Denial {
            $(#[doc = $meaning] $name,)+
        }

        impl Denial {
            /// Every denial there is, in order of precedence.
            pub const ALL: &[Denial] = &[$(Denial::$name,)+];

            const fn entry(self) -> Entry {
                match self {
                    $(Denial::$name => Entry {
                        code: $code,
                        status: $status,
                        rooms: &[$(Room::$room),+],
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
    /// The stable name: in answers, in the record, in metrics.
    pub const fn code(self) -> &'static str {
        self.entry().code
    }

    /// The HTTP status of the answer.
    pub const fn status(self) -> u16 {
        self.entry().status
    }

    /// A few words for a person, the `title` of the problem document.
    pub const fn title(self) -> &'static str {
        self.entry().title
    }

    /// What was found, in a sentence.
    pub const fn meaning(self) -> &'static str {
        self.entry().meaning
    }

    /// What the one who was denied, or who operates the service, can do about it.
    pub const fn cure(self) -> &'static str {
        self.entry().cure
    }

    /// The rooms that can raise it.
    pub const fn raised_by(self) -> &'static [Room] {
        self.entry().rooms
    }

    /// The denial of that code.
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
        "No current governance statement or policy is at hand, so nothing can be allowed.",
        "Retry shortly; operators: see why the statement or the policy note is not renewed.";
    GovernanceInconsistent = "governance-inconsistent" 503 [Gate, Court] "Governance contradicts itself",
        "What is known of governance contradicts what was known before: a rollback, or a clock that went back.",
        "Operators: compare log origin, sequence and clock with what was last accepted.";
    Overloaded = "overloaded" 503 [Gate, Court] "Too much to verify",
        "More never-seen warrants or waiting requests than the bound allows.",
        "Retry with a pause; reuse a warrant while it lives instead of minting one a request.";
    RequestAmbiguous = "request-ambiguous" 400 [Gate, Court] "The request can be read in two ways",
        "The path, a header of ours or the check itself could mean different things to different readers.",
        "Send each header once, in ASCII, and a path without empty or dot segments, `;` or escapes of plain characters.";
    TargetMismatch = "target-mismatch" 421 [Gate, Court] "This host is not served here",
        "The proxy that asks does not serve the host that the request names.",
        "Address the service by one of the names that its proxy is configured with.";
    WarrantMissing = "warrant-missing" 401 [Gate, Court] "A warrant is required",
        "The request carries no warrant.",
        "Obtain a warrant and send it in the `Warrant` header.";
    WarrantMalformed = "warrant-malformed" 400 [Gate, Court] "The warrant is malformed",
        "Some link of the warrant is not of the required form, in its encoding, header, claims or keys.",
        "Run `portcullis warrant inspect` on it: the first fault is named there.";
    IssuerUntrusted = "issuer-untrusted" 401 [Gate, Court] "The issuer is not trusted for this",
        "No trusted key is known by that issuer and key id, or the issuer may not vouch for this holder or name this starter.",
        "Obtain the warrant from an authority that the active bundle trusts for the holder.";
    SignatureInvalid = "signature-invalid" 401 [Gate, Court] "A signature does not hold",
        "The signature of a link does not verify with the key that must have made it.",
        "Mint the warrant again; do not alter a token after it was signed.";
    Expired = "expired" 401 [Gate, Court, Seal] "The warrant has expired",
        "A link of the warrant is past its `exp`.",
        "Obtain a fresh warrant.";
    NotYetValid = "not-yet-valid" 401 [Gate, Court] "The warrant is not valid yet",
        "A link's `nbf` or `iat` lies in the future, beyond the leeway.",
        "Wait, or correct the clock of whoever minted it.";
    LifetimeTooLong = "lifetime-too-long" 403 [Gate, Court] "The warrant lives too long",
        "A link's `exp - nbf` is above the mesh's cap or the route's.",
        "Ask for a warrant with a shorter lifetime.";
    AudienceMismatch = "audience-mismatch" 403 [Gate, Court] "The warrant is for another mesh",
        "A link does not name this mesh in `aud`, or the leaf names more than this mesh.",
        "Obtain a warrant, or delegate one, whose only audience is this mesh.";
    LineageBroken = "lineage-broken" 403 [Gate, Court] "The lineage is broken",
        "A link does not follow the one before it: its `iss`, `parent` or `depth` says otherwise.",
        "Present the links in the order in which they were delegated, all of them and no others.";
    LineageWidened = "lineage-widened" 403 [Gate, Court] "A delegation widens its parent",
        "A link claims something that its parent does not have.",
        "Delegate within the parent on every dimension; dropping a constraint widens.";
    LineageTooDeep = "lineage-too-deep" 403 [Gate, Court] "The lineage is too deep",
        "A link stands deeper than its `max_depth` or the route allows.",
        "Use a warrant that was delegated fewer times.";
    Revoked = "revoked" 403 [Gate, Court, Seal] "The warrant was revoked",
        "A link, its lineage, a key or a holder in it was revoked.",
        "Obtain a new warrant, if its issuer still grants one.";
    OutsideWarrant = "outside-warrant" 403 [Gate, Court] "The warrant does not cover this request",
        "Some link of the warrant does not admit this host, method, path, action, argument or query.",
        "Compare the request with `portcullis warrant inspect`, and ask for what is missing.";
    NoRoutePolicy = "no-route-policy" 403 [Court] "No route policy governs this",
        "No governed route matches this host, method and path.",
        "Write a route for it, or correct the request.";
    UseTooWide = "use-too-wide" 403 [Court] "The root may be used too often",
        "The root may be used more often than this route accepts.",
        "Obtain a root with the use limit that the route asks for; a limit on a delegation does not help.";
    NotIssued = "not-issued" 403 [Court] "The root was never issued",
        "The root is not in the record of issued warrants.",
        "Obtain the warrant from the authority itself; roots that were minted offline are not accepted here.";
    ArgumentsInvalid = "arguments-invalid" 400 [Court] "An argument cannot be read",
        "An argument that the route declares is missing, doubled or of the wrong type.",
        "Send what the route declares; `portcullis policy show` lists it.";
    IdentityMissing = "identity-missing" 401 [Court] "No validated identity",
        "The route asks for a client certificate, and the proxy reported no validated one.",
        "Connect with mutual TLS.";
    IdentityMismatch = "identity-mismatch" 403 [Court] "The warrant belongs to someone else",
        "The SPIFFE ID of the client certificate is not the leaf's `sub`.",
        "Use the warrant from the workload it was made out to, or delegate it.";
    ProofMissing = "proof-missing" 401 [Court] "A proof of possession is required",
        "The route asks for a `Warrant-Proof` and there is none.",
        "Sign the request with the leaf's key and send the proof in `Warrant-Proof`.";
    ProofInvalid = "proof-invalid" 401 [Court] "The proof of possession does not hold",
        "The proof is malformed, not by the leaf's key, not of this request or not of now.",
        "Make a fresh proof for exactly this method, authority, path, query, warrant and body.";
    EnvironmentMismatch = "environment-mismatch" 403 [Court] "The warrant is for another environment",
        "A link, or the route, asks for an environment that this server is not in.",
        "Use a warrant for this region and cluster.";
    ConditionUnmet = "condition-unmet" 403 [Court] "A condition does not hold",
        "A condition that the route requires is not met, unknown or too old.",
        "Wait for the condition; `portcullis policy explain` names it.";
    AttestationMissing = "attestation-missing" 403 [Court] "No attestation of the workload",
        "An attestation is required, and none is known of this workload.",
        "Attest the workload, or reach the route with a certificate that can be looked up.";
    AttestationInvalid = "attestation-invalid" 403 [Court] "The attestation denies",
        "An attestation of this workload is not valid, or speaks against it.",
        "Replace the workload; its attestor says what was found.";
    AttestationStale = "attestation-stale" 403 [Court] "The attestation is too old",
        "No attestation of this workload is as recent as required.",
        "Attest the workload again.";
    AttestationMismatch = "attestation-mismatch" 403 [Court] "The workload is not what the warrant is bound to",
        "A current measurement of the workload is not among those that a link is bound to.",
        "Run the measured build, or obtain a warrant for the new measurement.";
    PolicyError = "policy-error" 403 [Court] "The policy could not be evaluated",
        "Evaluating the policy failed, and a policy that fails denies.",
        "Policy authors: `portcullis policy explain` shows which policy failed and why.";
    PolicyDenied = "policy-denied" 403 [Court] "The policy denies this",
        "No policy permits this execution, or one forbids it.",
        "`portcullis policy explain` names the policy; its reason is in the answer where it has one.";
    Replayed = "replayed" 403 [Court] "Already used",
        "The warrant's uses, or the proof, were spent by an earlier decision.",
        "Obtain another warrant, or make a fresh proof; the earlier decision is named in the answer.";
    StateUnavailable = "state-unavailable" 503 [Court] "Uses cannot be counted now",
        "What must be counted or looked up for this decision is not at hand.",
        "Retry shortly with a fresh warrant; operators: see which server may burn.";
    LedgerUnavailable = "ledger-unavailable" 503 [Court] "The decision could not be recorded",
        "The decision could not be put on durable record, and without record there is no allow.",
        "Retry shortly; operators: see the ledger's disk.";
    DeadlineExceeded = "deadline-exceeded" 503 [Court] "The decision took too long",
        "The decision was not complete within its deadline.",
        "Retry; operators: see the latency of disk and policy.";
    Ungoverned = "ungoverned" 403 [Seal] "No decision stands behind this request",
        "The request reached the seal without the stamp of a decision.",
        "Operators: ext_authz was skipped for it; compare the proxy's listeners, filter chains and routes with what envoy/envoy.yaml says of each setting.";
    Altered = "altered" 403 [Seal] "The request is not the one that was decided",
        "The stamp is for another method, authority or path.",
        "Operators: a filter after ext_authz changes requests; move it before.";
    Internal = "internal" 503 [Gate, Court, Seal] "Something here is wrong",
        "A fault of our own, and a fault is a denial.",
        "Retry; operators: the log names the decision and the fault.";
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
