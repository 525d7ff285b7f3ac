//! What a statement says, and its one text: canonical JSON with sorted members and no spaces. This module does not know
//! who signed it, and does not compare it with another statement.

use crate::{
    Digest,
    formats::is_plain,
    json::{JsonReader, Malformed, Parsed, required, set_once, text, writer::ObjectWriter},
    time::Seconds,
};

/// For how long a statement is current at most.
const MAX_LIFETIME_SECONDS: u64 = 30;
/// The predecessors that an origin can have: one for each time that its log was restored.
const MAX_PREDECESSORS: usize = 128;

/// What the server says of governance at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The audience of the mesh.
    pub aud: Box<str>,
    /// The digest of the active bundle.
    pub bundle: Digest,
    /// The digest of the decisions to end.
    pub ended: Digest,
    /// The end: the statement is current before this second.
    pub exp: Seconds,
    /// The digest of the halts.
    pub halts: Digest,
    /// When it was made.
    pub iat: Seconds,
    /// The ledger's origin.
    pub iss: Box<str>,
    /// The size of the ledger up to which live forwards have been judged again.
    pub judged: u64,
    /// The statement's number. It rises with every statement of an origin.
    pub n: u64,
    /// The strictest posture of the mesh and of the asking proxy's environments.
    pub posture: Posture,
    /// Every origin that this one replaced, because its log was restored from a backup.
    pub restored: Vec<Box<str>>,
    /// The digest of the revoked marks.
    pub revocations: Digest,
    /// The root of the ledger at `seq`.
    pub root: Digest,
    /// The digest of the rules.
    pub rules: Digest,
    /// The size of the ledger that the statement was made from.
    pub seq: u64,
    /// The version of the active bundle.
    pub version: u64,
}

/// How much is allowed, from the mildest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Posture {
    /// What the policy allows.
    Normal,
    /// What the policy allows in the restricted posture.
    Restricted,
    /// Nothing.
    Halted,
}

impl Posture {
    /// Every posture, the mildest first.
    pub const ALL: &[Self] = &[Self::Normal, Self::Restricted, Self::Halted];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Restricted => "restricted",
            Self::Halted => "halted",
        }
    }

    /// The posture of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|posture| posture.word() == word)
    }
}

impl Statement {
    /// The digest of what it says apart from `n`, `seq`, `root`, `judged`, `iat` and `exp`. Two statements of one `n` have
    /// the same content, and a waiting poll is answered when the content changes.
    pub fn content(&self) -> Digest {
        let mut out = ObjectWriter::new();
        out.text("aud", &self.aud);
        out.text("bundle", &self.bundle.to_string());
        out.text("ended", &self.ended.to_base64url());
        out.text("halts", &self.halts.to_base64url());
        out.text("iss", &self.iss);
        out.text("posture", self.posture.word());
        out.texts("restored", &self.restored);
        out.text("revocations", &self.revocations.to_base64url());
        out.text("rules", &self.rules.to_base64url());
        out.number("version", self.version);
        Digest::of(out.end().as_bytes())
    }

    /// Whether it is current for longer than a statement may be.
    pub(crate) fn lives_too_long(&self) -> bool {
        self.exp > self.iat.plus(MAX_LIFETIME_SECONDS)
    }

    /// The claims as canonical JSON.
    pub fn to_json(&self) -> String {
        let mut out = ObjectWriter::new();
        out.text("aud", &self.aud);
        out.text("bundle", &self.bundle.to_string());
        out.text("ended", &self.ended.to_base64url());
        out.number("exp", self.exp.get());
        out.text("halts", &self.halts.to_base64url());
        out.number("iat", self.iat.get());
        out.text("iss", &self.iss);
        out.number("judged", self.judged);
        out.number("n", self.n);
        out.text("posture", self.posture.word());
        out.texts("restored", &self.restored);
        out.text("revocations", &self.revocations.to_base64url());
        out.text("root", &self.root.to_base64url());
        out.text("rules", &self.rules.to_base64url());
        out.number("seq", self.seq);
        out.number("version", self.version);
        out.end()
    }

    /// Reads the claims. Only the text that [`Self::to_json`] writes is accepted.
    pub(crate) fn read(json: &[u8]) -> Parsed<Self> {
        let mut reader = JsonReader::new(json)?;
        let mut read = ClaimsRead::default();
        reader.object(|r, name| read.member(r, name))?;
        reader.end()?;
        let statement = read.complete()?;
        statement.check()?;
        if statement.to_json().as_bytes() == json {
            Ok(statement)
        } else {
            Err(Malformed("the claims of a statement are not canonical JSON"))
        }
    }

    /// Checks what the claims say about each other.
    fn check(&self) -> Parsed<()> {
        if self.iat >= self.exp {
            return Err(Malformed("`exp` of a statement is not after its `iat`"));
        }
        let is_new = |place: usize| {
            let origin = self.restored.get(place);
            origin != Some(&self.iss)
                && !self.restored.iter().take(place).any(|earlier| Some(earlier) == origin)
        };
        if self.restored.len() > MAX_PREDECESSORS || !(0..self.restored.len()).all(is_new) {
            return Err(Malformed(
                "`restored` names an origin twice, its own origin, or more than 128 origins",
            ));
        }
        Ok(())
    }
}

/// The claims that were read so far.
#[derive(Default)]
struct ClaimsRead {
    aud: Option<Box<str>>,
    bundle: Option<Digest>,
    ended: Option<Digest>,
    exp: Option<u64>,
    halts: Option<Digest>,
    iat: Option<u64>,
    iss: Option<Box<str>>,
    judged: Option<u64>,
    n: Option<u64>,
    posture: Option<Posture>,
    restored: Option<Vec<Box<str>>>,
    revocations: Option<Digest>,
    root: Option<Digest>,
    rules: Option<Digest>,
    seq: Option<u64>,
    version: Option<u64>,
}

impl ClaimsRead {
    fn member(&mut self, r: &mut JsonReader<'_>, name: &str) -> Parsed<()> {
        match name {
            "aud" => set_once(&mut self.aud, plain(r)?),
            "bundle" => {
                let bundle = r.string()?.with(Digest::parse).flatten();
                set_once(&mut self.bundle, bundle.ok_or(Malformed("`bundle` is not a `sha256:` digest"))?)
            }
            "ended" => set_once(&mut self.ended, digest(r)?),
            "exp" => set_once(&mut self.exp, r.natural()?),
            "halts" => set_once(&mut self.halts, digest(r)?),
            "iat" => set_once(&mut self.iat, r.natural()?),
            "iss" => set_once(&mut self.iss, plain(r)?),
            "judged" => set_once(&mut self.judged, r.natural()?),
            "n" => set_once(&mut self.n, r.natural()?),
            "posture" => {
                let posture = r.string()?.with(Posture::from_word).flatten();
                set_once(&mut self.posture, posture.ok_or(Malformed("`posture` is not a known word"))?)
            }
            "restored" => {
                let mut origins = Vec::new();
                r.array(|r| plain(r).map(|origin| origins.push(origin)))?;
                set_once(&mut self.restored, origins)
            }
            "revocations" => set_once(&mut self.revocations, digest(r)?),
            "root" => set_once(&mut self.root, digest(r)?),
            "rules" => set_once(&mut self.rules, digest(r)?),
            "seq" => set_once(&mut self.seq, r.natural()?),
            "version" => set_once(&mut self.version, r.natural()?),
            _ => Err(Malformed("a statement has an unknown claim")),
        }
    }

    fn complete(self) -> Parsed<Statement> {
        Ok(Statement {
            aud: required(self.aud, "a statement lacks `aud`")?,
            bundle: required(self.bundle, "a statement lacks `bundle`")?,
            ended: required(self.ended, "a statement lacks `ended`")?,
            exp: Seconds::new(required(self.exp, "a statement lacks `exp`")?),
            halts: required(self.halts, "a statement lacks `halts`")?,
            iat: Seconds::new(required(self.iat, "a statement lacks `iat`")?),
            iss: required(self.iss, "a statement lacks `iss`")?,
            judged: required(self.judged, "a statement lacks `judged`")?,
            n: required(self.n, "a statement lacks `n`")?,
            posture: required(self.posture, "a statement lacks `posture`")?,
            restored: required(self.restored, "a statement lacks `restored`")?,
            revocations: required(self.revocations, "a statement lacks `revocations`")?,
            root: required(self.root, "a statement lacks `root`")?,
            rules: required(self.rules, "a statement lacks `rules`")?,
            seq: required(self.seq, "a statement lacks `seq`")?,
            version: required(self.version, "a statement lacks `version`")?,
        })
    }
}

fn plain(r: &mut JsonReader<'_>) -> Parsed<Box<str>> {
    text(r, is_plain, "a name that is not a plain string").map(|text| text.to_box())
}

fn digest(r: &mut JsonReader<'_>) -> Parsed<Digest> {
    let digest = r.string()?.with(Digest::parse_base64url).flatten();
    digest.ok_or(Malformed("a digest that is not 43 characters of base64url"))
}
