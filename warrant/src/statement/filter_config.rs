//! The configuration of a filter: which of the two positions it has, whose statements it takes, and from where. Everything
//! else comes with a statement. `portcullis init` writes it, and the filter reads it strictly: a filter that ignores a part
//! of its configuration could be open.

use super::Pins;
use crate::{
    Digest,
    formats::is_plain,
    json::{
        JsonReader, Malformed, Parsed, required, set_once, text,
        writer::{ObjectWriter, array},
    },
    key::{Algorithm, PublicKey},
};

/// A statement's key is looked up by its name in a list, so the list is short.
const MAX_KEYS: usize = 16;

/// The two positions of the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Position {
    /// Before the server is asked.
    Gate,
    /// Behind the server's answer.
    Seal,
}

/// The configuration of one filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterConfig {
    /// Where in the chain the filter stands.
    pub position: Position,
    /// Whose statements it takes.
    pub pins: Pins,
    /// Envoy's cluster of the server.
    pub cluster: Box<str>,
}

/// One fault of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    at: String,
    what: &'static str,
}

impl std::fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.at.is_empty() { f.write_str(self.what) } else { write!(f, "{}: {}", self.at, self.what) }
    }
}

impl Position {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Seal => "seal",
        }
    }
}

impl FilterConfig {
    /// Reads the JSON of a configuration.
    ///
    /// # Errors
    /// All faults, each with its place and what to write instead.
    pub fn parse(json: &[u8]) -> Result<Self, Vec<ConfigFault>> {
        let mut read = ConfigRead::default();
        let whole = JsonReader::new(json).and_then(|mut reader| {
            reader.object(|r, name| read.member(r, name))?;
            reader.end()
        });
        if let Err(Malformed(what)) = whole {
            read.faults.push(ConfigFault { at: String::new(), what });
        }
        read.complete()
    }

    /// The configuration as JSON.
    pub fn to_json(&self) -> String {
        let Self { position, pins, cluster } = self;
        let mut log = ObjectWriter::new();
        log.text("name", &pins.log_name);
        if let Some(origin) = &pins.origin {
            log.text("origin", origin);
        }
        let mut out = ObjectWriter::new();
        out.text("position", position.word());
        out.text("audience", &pins.audience);
        out.raw("log", &log.end());
        out.raw("statementKeys", &array(pins.keys.iter().map(|(kid, key)| key.canonical_jwk_json(kid))));
        out.text("cluster", cluster);
        out.end()
    }

    /// Names what the filter is configured with apart from its position: filters with the same have the same to hold.
    pub fn pins_digest(&self) -> Digest {
        Digest::of(Self { position: Position::Gate, ..self.clone() }.to_json().as_bytes())
    }
}

const UNKNOWN: &str = "unknown member; the known ones are position, audience, log, statementKeys and cluster";
const PLAIN: &str = "write 1 to 256 printable ASCII characters, without `\"` and `\\`";

/// The members that were read so far, and their faults.
#[derive(Default)]
struct ConfigRead {
    position: Option<Position>,
    audience: Option<Box<str>>,
    log: Option<Log>,
    keys: Option<Vec<(Box<str>, PublicKey)>>,
    cluster: Option<Box<str>>,
    faults: Vec<ConfigFault>,
}

/// A log's name, and the origin that is pinned.
type Log = (Box<str>, Option<Box<str>>);

impl ConfigRead {
    /// Reads one member. A value with a fault is noted and skipped.
    fn member(&mut self, r: &mut JsonReader<'_>, name: &str) -> Parsed<()> {
        let begin = *r;
        let read = match name {
            "position" => position(r).and_then(|read| set_once(&mut self.position, read)),
            "audience" => plain(r).and_then(|read| set_once(&mut self.audience, read)),
            "log" => log(r).and_then(|read| set_once(&mut self.log, read)),
            "statementKeys" => keys(r).and_then(|read| set_once(&mut self.keys, read)),
            "cluster" => plain(r).and_then(|read| set_once(&mut self.cluster, read)),
            _ => Err(Malformed(UNKNOWN)),
        };
        if let Err(Malformed(what)) = read {
            self.faults.push(ConfigFault { at: name.to_owned(), what });
            *r = begin;
            r.skip_value()?;
        }
        Ok(())
    }

    fn complete(mut self) -> Result<FilterConfig, Vec<ConfigFault>> {
        let missing = [
            ("position", self.position.is_none()),
            ("audience", self.audience.is_none()),
            ("log", self.log.is_none()),
            ("statementKeys", self.keys.is_none()),
            ("cluster", self.cluster.is_none()),
        ];
        let is_known = |name: &str, faults: &[ConfigFault]| {
            faults.iter().any(|fault| fault.at == name || fault.at.is_empty())
        };
        for (name, is_missing) in missing {
            if is_missing && !is_known(name, &self.faults) {
                self.faults.push(ConfigFault { at: name.to_owned(), what: "is missing" });
            }
        }
        let parts = (self.position, self.audience, self.log, self.keys, self.cluster);
        match parts {
            (Some(position), Some(audience), Some((log_name, origin)), Some(keys), Some(cluster))
                if self.faults.is_empty() =>
            {
                Ok(FilterConfig { position, pins: Pins { audience, log_name, origin, keys }, cluster })
            }
            _ => Err(self.faults),
        }
    }
}

fn position(r: &mut JsonReader<'_>) -> Parsed<Position> {
    let word = r.string()?;
    [Position::Gate, Position::Seal]
        .into_iter()
        .find(|position| word.is(position.word()))
        .ok_or(Malformed("write \"gate\" or \"seal\""))
}

fn plain(r: &mut JsonReader<'_>) -> Parsed<Box<str>> {
    Ok(text(r, is_plain, PLAIN)?.to_box())
}

fn log(r: &mut JsonReader<'_>) -> Parsed<Log> {
    let (mut name, mut origin) = (None, None);
    r.object(|r, member| match member {
        "name" => set_once(&mut name, plain(r)?),
        "origin" => set_once(&mut origin, plain(r)?),
        _ => Err(Malformed("has an unknown member; the known ones are name and origin")),
    })?;
    let name: Box<str> = required(name, "lacks `name`")?;
    if origin.as_ref().is_some_and(|origin| !Pins::is_origin(origin, &name)) {
        return Err(Malformed(
            "`origin` is not an origin of this log: write the name, `/log/` and 32 hex digits",
        ));
    }
    Ok((name, origin))
}

fn keys(r: &mut JsonReader<'_>) -> Parsed<Vec<(Box<str>, PublicKey)>> {
    let mut keys: Vec<(Box<str>, PublicKey)> = Vec::new();
    r.array(|r| {
        let (kid, key) = PublicKey::read_with_kid(r)?;
        if key.alg() != Algorithm::Es256 {
            return Err(Malformed("a key is not for ES256, with which statements are signed"));
        }
        if keys.iter().any(|(own, _)| *own == kid) {
            return Err(Malformed("two keys have the same `kid`"));
        }
        keys.push((kid, key));
        Ok(())
    })?;
    match keys.len() {
        1..=MAX_KEYS => Ok(keys),
        _ => Err(Malformed("write 1 to 16 keys: the server's public statement keys, each with its `kid`")),
    }
}
