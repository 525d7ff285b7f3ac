//! What attestors said: about workloads (attestations), and about environments and the mesh (conditions). Of each
//! attestor only the newest statement about the same thing counts. This module does not know which attestors a bundle
//! trusts: the caller says that.

mod newest;

use ledger::entry::{AttestationStatement, ConditionStatement, Signer};
use warrant::Seconds;

use newest::{Newest, Statement};

/// No statement may be valid for longer than this. So an attestor's newest statement can be forgotten this long after it
/// was made: every older one has ended too.
pub const STATEMENT_SECONDS_AT_MOST: u64 = 24 * 3600;

/// What a bundle says about those who make statements.
pub trait Speakers {
    /// The attestors that are in the bundle.
    fn names(&self) -> impl Iterator<Item = &str>;
    /// Whether this signer may speak for this attestor now.
    fn trusts(&self, attestor: &str, signer: &Signer, now: Seconds) -> bool;
    /// Whether a positive statement of this attestor without a key counts for every key of its workload.
    fn may_omit_key(&self, attestor: &str) -> bool;
}

/// The newest statement of each attestor about each workload, and each key of it.
pub(super) type Attestations = Newest<AttestationStatement>;

/// The newest statement of each attestor about each condition, and each environment of it.
pub(super) type Conditions = Newest<ConditionStatement>;

impl Attestations {
    /// Whether this says again what its attestor said last about the same workload and key, for no shorter time, and that has
    /// not ended. What depends on the last one will be judged when that ends.
    pub(in crate::facts) fn holds_already(&self, said: &AttestationStatement, now: Seconds) -> bool {
        let says = |said: &AttestationStatement| {
            (said.positive, said.debug, said.measurement.clone(), said.signer.clone())
        };
        let before = self.get(&said.iss, &said.subject, said.part());
        before.is_some_and(|before| {
            now.get() < before.exp && before.exp <= said.exp && says(before) == says(said)
        })
    }

    /// The current statements about the workload of a certificate. `key` is the thumbprint of the certificate's key;
    /// without it no positive statement about a key applies, and of each attestor the negative one that was made last does.
    ///
    /// A negative statement outlives its end, and counts as long as the bundle names its attestor.
    pub fn current<'a>(
        &'a self,
        workload: &'a str,
        key: Option<&'a str>,
        now: Seconds,
        speakers: &'a impl Speakers,
    ) -> impl Iterator<Item = &'a AttestationStatement> {
        let holds = move |said: &AttestationStatement| {
            now.get() < said.exp && speakers.trusts(&said.iss, &said.signer, now)
        };
        speakers.names().flat_map(move |iss| {
            let about_key = match key {
                Some(key) => self.get(iss, workload, key),
                None => self.last_negative(iss, workload),
            };
            let about_all = self.get(iss, workload, NO_KEY);
            // Without a key, the last negative one can be the one about all keys.
            let about_all = about_all.filter(|said| said.positive || key.is_some());
            let about_key = about_key.filter(|said| !said.positive || holds(said));
            let about_all =
                about_all.filter(|said| !said.positive || (speakers.may_omit_key(iss) && holds(said)));
            about_key.into_iter().chain(about_all)
        })
    }
}

impl Conditions {
    /// Whether this says again what its attestor said last about the same condition and place, for no shorter time, and that
    /// has not ended.
    pub(in crate::facts) fn holds_already(&self, said: &ConditionStatement, now: Seconds) -> bool {
        let before = self.get(&said.iss, &said.name, &said.subject);
        before.is_some_and(|before| {
            now.get() < before.exp
                && before.exp <= said.exp
                && (&before.value, &before.signer) == (&said.value, &said.signer)
        })
    }

    /// The current statements about a condition in the mesh and in these environments, each written `dimension=value`.
    pub fn current<'a>(
        &'a self,
        name: &'a str,
        environments: &'a [String],
        now: Seconds,
        speakers: &'a impl Speakers,
    ) -> impl Iterator<Item = &'a ConditionStatement> {
        let places = move || std::iter::once(IN_THE_MESH).chain(environments.iter().map(String::as_str));
        let said =
            speakers.names().flat_map(move |iss| places().filter_map(move |at| self.get(iss, name, at)));
        said.filter(move |said| now.get() < said.exp && speakers.trusts(&said.iss, &said.signer, now))
    }
}

/// The part of a statement about every key of its workload.
const NO_KEY: &str = "";

/// The part of a condition of the mesh.
const IN_THE_MESH: &str = "";

impl Statement for AttestationStatement {
    const TABLE: &'static str = "attestations";

    fn iss(&self) -> &str {
        &self.iss
    }

    fn topic(&self) -> &str {
        &self.subject
    }

    fn part(&self) -> &str {
        self.key.as_deref().unwrap_or(NO_KEY)
    }

    fn made(&self) -> u64 {
        self.iat
    }

    fn is_negative(&self) -> bool {
        !self.positive
    }

    fn repeats(&self, other: &Self) -> bool {
        self.statement == other.statement
    }
}

impl Statement for ConditionStatement {
    const TABLE: &'static str = "conditions";

    fn iss(&self) -> &str {
        &self.iss
    }

    fn topic(&self) -> &str {
        &self.name
    }

    /// A condition of the mesh names no environment.
    fn part(&self) -> &str {
        &self.subject
    }

    fn made(&self) -> u64 {
        self.iat
    }

    fn is_negative(&self) -> bool {
        false
    }

    fn repeats(&self, other: &Self) -> bool {
        self.statement == other.statement
    }
}
