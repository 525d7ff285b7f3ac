//! What is halted: issuers, and the requests of some matches. A halt of the mesh or of an environment is the statement's
//! posture.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    StatementFault,
    matches::{Match, MatchList, RequestsRead},
};
use crate::{
    Digest,
    formats::is_plain,
    json::{
        JsonReader, Malformed, Parsed, required, set_once, text,
        writer::{ObjectWriter, array},
    },
    paths::RawPath,
    request::{Host, Method},
    sorted::is_rising,
};

/// The halted issuers and requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halts {
    /// Strictly rising.
    issuers: Box<[Box<str>]>,
    matches: MatchList<bool>,
    text: Arc<str>,
    digest: Digest,
}

impl Halts {
    /// Takes the halted issuers, and matches in order, the most specific first. A match says whether its requests are
    /// halted.
    ///
    /// # Errors
    /// When an issuer's name could not be in a warrant.
    pub fn new(issuers: BTreeSet<Box<str>>, matches: Vec<Match<bool>>) -> Result<Self, StatementFault> {
        let issuers: Box<_> = issuers.into_iter().collect();
        let text = json(&issuers, &matches);
        Self::of(issuers, matches, text.into())
    }

    /// The same with issuers that rise strictly, and with the text of all.
    fn of(
        issuers: Box<[Box<str>]>,
        matches: Vec<Match<bool>>,
        text: Arc<str>,
    ) -> Result<Self, StatementFault> {
        if !is_rising(&issuers) {
            return Err(Malformed("the halted issuers are not in order").into());
        }
        if !issuers.iter().all(|iss| is_plain(iss)) {
            return Err(Malformed("a halted issuer that is not a plain string").into());
        }
        let matches = MatchList::new(matches);
        let digest = Digest::of(text.as_bytes());
        Ok(Self { issuers, matches, text, digest })
    }

    /// Reads halts.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(json: &[u8]) -> Result<Self, StatementFault> {
        let read = HaltsRead::read(json)?;
        let issuers = required(read.issuers, "halts lack `issuers`")?;
        let text = std::str::from_utf8(json).map_err(|_| Malformed("not UTF-8"))?;
        let matches = required(read.matches, "halts lack `matches`")?;
        Self::of(issuers.into_boxed_slice(), matches, text.into())
    }

    /// The halts as they were read, or as canonical JSON.
    pub fn to_json(&self) -> &str {
        &self.text
    }

    /// The digest of the JSON.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether a request is halted. The host is canonical.
    pub fn is_halted(&self, host: &Host, method: &Method, path: &RawPath<'_>) -> bool {
        self.matches.first(host, method, path).copied().unwrap_or_default()
    }

    /// Whether the warrants of this issuer are halted.
    pub fn is_issuer_halted(&self, iss: &str) -> bool {
        self.issuers.binary_search_by(|own| (**own).cmp(iss)).is_ok()
    }
}

fn json(issuers: &[Box<str>], matches: &[Match<bool>]) -> String {
    let mut out = ObjectWriter::new();
    out.texts("issuers", issuers);
    out.raw("matches", &array(matches.iter().map(match_json)));
    out.end()
}

fn match_json(one: &Match<bool>) -> String {
    let mut out = ObjectWriter::new();
    out.raw("halted", &one.says().to_string());
    one.write_requests(&mut out);
    out.end()
}

/// The members that were read so far.
#[derive(Default)]
struct HaltsRead {
    issuers: Option<Vec<Box<str>>>,
    matches: Option<Vec<Match<bool>>>,
}

impl HaltsRead {
    fn read(json: &[u8]) -> Parsed<Self> {
        let mut read = Self::default();
        let mut reader = JsonReader::new(json)?;
        reader.object(|r, name| match name {
            "issuers" => {
                let mut issuers = Vec::new();
                r.array(|r| {
                    issuers.push(text(r, is_plain, "a halted issuer that is not a plain string")?.to_box());
                    Ok(())
                })?;
                set_once(&mut read.issuers, issuers)
            }
            "matches" => {
                let mut matches = Vec::new();
                r.array(|r| read_match(r).map(|one| matches.push(one)))?;
                set_once(&mut read.matches, matches)
            }
            _ => Err(Malformed("halts have an unknown member")),
        })?;
        reader.end()?;
        Ok(read)
    }
}

fn read_match(r: &mut JsonReader<'_>) -> Parsed<Match<bool>> {
    let (mut requests, mut halted) = (RequestsRead::default(), None);
    r.object(|r, name| match name {
        "halted" => set_once(&mut halted, r.boolean()?),
        _ => requests.member(r, name),
    })?;
    requests.complete(required(halted, "a match lacks `halted`")?)
}
