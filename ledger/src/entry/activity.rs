//! Entry kinds about activity: issued warrants, ended requests, ungoverned requests, reads of the record, and summaries of
//! denials.

use super::decision::RecordedRequest;
use super::define::kind;
use super::terms::Person;
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
        /// When it expires, in seconds.
        exp: u64,
        /// The ids of the policies that granted it, sorted.
        grants: Vec<String>,
        /// When it was issued, in seconds.
        iat: u64,
        /// The issuance's id.
        id: String,
        /// On whose behalf it was issued; `null` if the holder asked for himself.
        ini: Option<Person>,
        /// The issuer.
        iss: String,
        /// The warrant's id.
        jti: String,
        /// The digest of the bundle under which it was issued.
        policy: Option<Digest>,
        /// SHA-256 of the signing input of the root, so that a root with other contents is not taken for it.
        root: Digest,
        /// How many roots the token had yielded before; without a token, how many living roots the holder had.
        roots: u64,
        /// The holder.
        sub: String,
        /// SHA-256 of the signing input of the subject's token; `null` if there was none.
        token: Option<Digest>,
        /// When the token expires, in seconds: until then the root counts for it. `null` without a token: it counts until it
        /// expires itself.
        token_exp: Option<u64>,
        /// The lineage's id.
        txn: String,
        /// How often it may be used; `null` for no limit.
        r#use: Option<u64>,
    }
}

kind! { "outcome/1"
    /// How a forwarded request ended, from the proxy's access log; or an allow that came too late to be forwarded.
    pub struct OutcomeReport {
        /// How often the proxy tried to send it upstream. More than once is an alarm: it may have run more than once.
        attempts: u64,
        /// Bytes received from the client.
        bytes_in: u64,
        /// Bytes sent to the client.
        bytes_out: u64,
        /// How long it took, in milliseconds.
        duration: u64,
        /// The decision's id.
        id: String,
        /// The index of the decision's entry.
        index: u64,
        /// The proxy that reported it.
        proxy: String,
        /// Whether a byte of it was sent to an upstream, or may have been sent in an attempt before the last.
        reached: bool,
        /// Whether this decision already had an outcome, which is an alarm.
        repeat: bool,
        /// The HTTP status; `null` if none was sent.
        status: Option<u64>,
        /// How it ended, in the proxy's words; empty if it ended normally.
        termination: String,
    }
}

kind! { "ungoverned/1"
    /// A request was sent to an upstream, or was about to be, without a decision that forwarded it: an alarm.
    pub struct UngovernedRequest {
        /// The id of the decision that the request claimed.
        id: Option<String>,
        /// The proxy that reported it.
        proxy: String,
        /// The request; each part is cut to 1,024 bytes.
        request: RecordedRequest,
        /// The HTTP status; `null` if none was sent.
        status: Option<u64>,
        /// The upstream that it reached; empty if it reached none.
        upstream: String,
    }
}

kind! { "denials/1"
    /// A summary of denials that came too fast to be recorded one by one.
    pub struct Denials {
        /// How many denials.
        count: u64,
        /// SHA-256 over the denials, each followed by a line feed: the canonical entry; or the decision's id if it was
        /// denied before any facts were gathered; or the proxy's request id if only the access log reported it.
        digest: Digest,
        /// The time of the first one, in milliseconds.
        first: u64,
        /// The time of the last one, in milliseconds.
        last: u64,
        /// The denial's code, or the proxy's own word if the proxy denied the request by itself.
        reason: String,
        /// Where they came from. It begins with `access-log:` if only the proxy's access log reported them.
        source: String,
    }
}

kind! { "reads/1"
    /// A summary of reads of this record by one caller.
    pub struct Reads {
        /// Who read.
        by: String,
        /// How often.
        count: u64,
        /// The time of the first read, in milliseconds.
        first: u64,
        /// The time of the last read, in milliseconds.
        last: u64,
        /// What was read, by the action that was permitted.
        what: String,
    }
}
