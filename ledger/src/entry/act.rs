//! Entries about what was done: warrants issued, requests that ran, denials that came in floods.

use super::decision::Request;
use super::shape::kind;
use content_digest::Digest;

kind! { "issued/1"
    /// A root warrant was issued.
    pub struct Issued {
        /// Who asked for it.
        by: String,
        /// The thumbprint of the holder's key.
        cnf: String,
        /// The digest of its canonical `authorization_details`.
        details: Digest,
        /// When it ends, in seconds.
        exp: u64,
        /// When it was issued, in seconds.
        iat: u64,
        /// The issuance's id.
        id: String,
        /// The issuer.
        iss: String,
        /// The warrant's name.
        jti: String,
        /// The digest of the bundle under which it was issued.
        policy: Option<Digest>,
        /// The holder.
        sub: String,
        /// The lineage's name.
        txn: String,
        /// How often it may be used; `null`: without limit.
        r#use: Option<u64>,
    }
}

kind! { "outcome/1"
    /// What became of a forwarded request, as the proxy's access log tells it; or of an allow that came too late to be one.
    pub struct Outcome {
        /// How often the proxy tried to send it upstream. More than once: it may have run more than once, an alarm.
        attempts: u64,
        /// Bytes received from the client.
        bytes_in: u64,
        /// Bytes sent to the client.
        bytes_out: u64,
        /// How long it took, in milliseconds.
        duration: u64,
        /// The decision's id.
        id: String,
        /// The index of the decision's entry; `null` where nobody waited for it.
        index: Option<u64>,
        /// The proxy that tells.
        proxy: String,
        /// Whether a byte of it was sent to an upstream, or may have been by an attempt before the last.
        reached: bool,
        /// Whether this decision already had an outcome: an alarm.
        repeat: bool,
        /// The HTTP status; `null` where none was sent.
        status: Option<u64>,
        /// How it ended, in the proxy's words; empty for an ordinary end.
        termination: String,
    }
}

kind! { "ungoverned/1"
    /// A request reached an upstream, or was on its way to one, without an earlier forward of that decision: an alarm.
    pub struct Ungoverned {
        /// The decision's id that it claimed.
        id: Option<String>,
        /// The proxy that tells.
        proxy: String,
        /// What was asked, no part of it longer than 1,024 bytes.
        request: Request,
        /// The HTTP status; `null` where none was sent.
        status: Option<u64>,
        /// The upstream that it reached; empty where it got to none.
        upstream: String,
    }
}

kind! { "denials/1"
    /// Denials that came faster than they are recorded one by one.
    pub struct Denials {
        /// How many.
        count: u64,
        /// SHA-256 over what it stands for, each followed by a line feed: the canonical entry, the decision's id of what
        /// was denied before anything was gathered, or the proxy's own name for what only its access log tells of.
        digest: Digest,
        /// When the first was, in milliseconds.
        first: u64,
        /// When the last was, in milliseconds.
        last: u64,
        /// The denial's code; the proxy's own word for it where the proxy refused by itself.
        reason: String,
        /// Where they came from; behind `access-log:` what the proxy's access log alone tells of.
        source: String,
    }
}
