//! The rules of a proxy: the mesh's terms, the trusted issuers, the hosts that the proxy serves, and the requests that
//! need no warrant. The server makes them from the active bundle, and a gate judges by them.

mod issuers;
mod rule;

pub use rule::{Found, Rule};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    StatementFault,
    matches::{Match, MatchList, RequestsRead, host},
};
use crate::{
    Digest, formats,
    json::{
        JsonReader, Malformed, Parsed, required, set_once,
        writer::{ObjectWriter, array},
    },
    limits::{MAX_HOST_BYTES, MAX_INTEGER},
    paths::RawPath,
    request::{Host, Method},
    sorted::{Pair, is_rising, sort},
    time::Seconds,
    trust::{Issuer, Terms, Trust},
};

/// The rules by which a gate judges requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    terms: Terms,
    trust: Trust,
    hosts: Box<[ServedHost]>,
    matches: MatchList<Rule>,
    resource_page: Option<Box<str>>,
    /// All names, rising: the number of a host and that of its name.
    names: Vec<Pair>,
    text: Arc<str>,
    digest: Digest,
}

/// A host that the proxy serves: its canonical name, which comes first, and its other names, strictly rising.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ServedHost(Box<[Host]>);

impl ServedHost {
    fn canonical(&self) -> Option<&Host> {
        self.0.first()
    }
}

impl Rules {
    /// Takes the parts. `hosts` are the canonical hosts that the proxy serves, each with its other names. `matches` are in
    /// order, the most specific first. `resource_page` is the URL of the page about resources, if there is one.
    ///
    /// # Errors
    /// When a name leads to two hosts, or a part is too large to be sent.
    pub fn new(
        terms: Terms,
        trust: Trust,
        hosts: BTreeMap<Host, BTreeSet<Host>>,
        matches: Vec<Match<Rule>>,
        resource_page: Option<Box<str>>,
    ) -> Result<Self, StatementFault> {
        let served = |(canonical, others)| ServedHost(std::iter::once(canonical).chain(others).collect());
        let hosts: Box<_> = hosts.into_iter().map(served).collect();
        let text = json(&terms, &trust, &hosts, &matches, resource_page.as_deref());
        Self::of(terms, trust, hosts, matches, resource_page, text.into())
    }

    /// The same with hosts whose names rise strictly, and with the text of all.
    fn of(
        terms: Terms,
        trust: Trust,
        hosts: Box<[ServedHost]>,
        matches: Vec<Match<Rule>>,
        resource_page: Option<Box<str>>,
        text: Arc<str>,
    ) -> Result<Self, StatementFault> {
        issuers::check_size(&trust)?;
        if !is_writable(terms.max_lifetime) {
            return Err(Malformed("`maxLifetime` is above 2^53-1").into());
        }
        if !resource_page.as_deref().is_none_or(formats::is_plain) {
            return Err(Malformed("`resourcePage` is not plain").into());
        }
        let in_order = hosts.is_sorted_by(|one, two| one.canonical() < two.canonical())
            && hosts.iter().all(|host| host.0.get(1..).is_some_and(is_rising));
        if !in_order {
            return Err(Malformed("the hosts or their names are not in order").into());
        }
        let names = names(&hosts);
        if !names.is_sorted_by(|one, two| name(&hosts, one) < name(&hosts, two)) {
            return Err(Malformed("a name of a host occurs twice").into());
        }
        let matches = MatchList::new(matches);
        let digest = Digest::of(text.as_bytes());
        Ok(Self { terms, trust, hosts, matches, resource_page, names, text, digest })
    }

    /// Reads rules for a mesh with this audience.
    ///
    /// # Errors
    /// When the text has another form, or the terms or issuers have a fault of their own.
    pub fn parse(text: &[u8], audience: &str) -> Result<Self, StatementFault> {
        let RulesRead { terms, issuers, hosts, matches, resource_page } = RulesRead::read(text)?;
        let (max_lifetime, leeway) = required(terms, "rules lack `terms`")?;
        Self::of(
            Terms::new(audience, max_lifetime, leeway)?,
            issuers::trust(required(issuers, "rules lack `issuers`")?)?,
            required(hosts, "rules lack `hosts`")?.into_boxed_slice(),
            required(matches, "rules lack `matches`")?,
            resource_page,
            std::str::from_utf8(text).map_err(|_| Malformed("not UTF-8"))?.into(),
        )
    }

    /// The rules as they were read, or as canonical JSON. The audience is not among them: the statement holds it.
    pub fn to_json(&self) -> &str {
        &self.text
    }

    /// The digest of this text.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The mesh's terms.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The trusted issuers.
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The URL of the page about resources, which says who issues warrants for one (RFC 9728).
    pub fn resource_page(&self) -> Option<&str> {
        self.resource_page.as_deref()
    }

    /// The canonical host of a name that a client used, in any case. `None` for a host that is not served.
    pub fn host(&self, authority: &[u8]) -> Option<&Host> {
        let name_sought =
            Some(authority).filter(|authority| authority.len() <= MAX_HOST_BYTES)?.to_ascii_lowercase();
        let place = self
            .names
            .binary_search_by(|pair| name(&self.hosts, pair).cmp(&Some(name_sought.as_slice())))
            .ok()?;
        let Pair(host, _) = self.names.get(place)?;
        self.hosts.get(*host)?.canonical()
    }

    /// How a request is treated at this time. The host is canonical.
    pub fn found(&self, host: &Host, method: &Method, path: &RawPath<'_>, now: Seconds) -> Found {
        self.matches.first(host, method, path).map_or(Found::Governed, |rule| rule.at(now))
    }
}

/// All names of all hosts, rising.
fn names(hosts: &[ServedHost]) -> Vec<Pair> {
    let mut names = Vec::new();
    for (host, served) in hosts.iter().enumerate() {
        names.extend((0..served.0.len()).map(|name| Pair(host, name)));
    }
    sort(&mut names, &|one, two| name(hosts, one).cmp(&name(hosts, two)));
    names
}

fn name<'a>(hosts: &'a [ServedHost], Pair(host, name): &Pair) -> Option<&'a [u8]> {
    hosts.get(*host)?.0.get(*name).map(|name| name.as_str().as_bytes())
}

/// Whether every reader of JSON is exact on this number.
fn is_writable(number: u64) -> bool {
    i64::try_from(number).is_ok_and(|number| number <= MAX_INTEGER)
}

fn json(
    terms: &Terms,
    trust: &Trust,
    hosts: &[ServedHost],
    matches: &[Match<Rule>],
    resource_page: Option<&str>,
) -> String {
    let mut names = ObjectWriter::new();
    for host in hosts {
        let mut others = host.0.iter().map(Host::as_str);
        let canonical = others.next().unwrap_or_default();
        names.texts(canonical, &others.collect::<Vec<_>>());
    }
    let mut written_terms = ObjectWriter::new();
    written_terms.number("leeway", terms.leeway);
    written_terms.number("maxLifetime", terms.max_lifetime);
    let mut out = ObjectWriter::new();
    out.raw("hosts", &names.end());
    out.raw("issuers", &array(trust.issuers().iter().map(issuers::json)));
    out.raw("matches", &array(matches.iter().map(match_json)));
    if let Some(page) = resource_page {
        out.text("resourcePage", page);
    }
    out.raw("terms", &written_terms.end());
    out.end()
}

fn match_json(one: &Match<Rule>) -> String {
    let mut out = ObjectWriter::new();
    one.write_requests(&mut out);
    out.text("to", one.says().to().word());
    if let Some(until) = one.says().until() {
        out.number("until", until.get());
    }
    out.end()
}

/// The members that were read so far.
#[derive(Default)]
struct RulesRead {
    terms: Option<(u64, u64)>,
    issuers: Option<Vec<Issuer>>,
    hosts: Option<Vec<ServedHost>>,
    matches: Option<Vec<Match<Rule>>>,
    resource_page: Option<Box<str>>,
}

impl RulesRead {
    fn read(text: &[u8]) -> Parsed<Self> {
        let mut reader = JsonReader::new(text)?;
        let mut read = Self::default();
        reader.object(|r, name| match name {
            "hosts" => set_once(&mut read.hosts, read_hosts(r)?),
            "issuers" => set_once(&mut read.issuers, issuers::read(r)?),
            "matches" => {
                let mut matches = Vec::new();
                r.array(|r| read_match(r).map(|one| matches.push(one)))?;
                set_once(&mut read.matches, matches)
            }
            "resourcePage" => {
                let page = r.string()?.with(|text| Box::<str>::from(text));
                set_once(&mut read.resource_page, page.ok_or(Malformed("`resourcePage` is not plain"))?)
            }
            "terms" => set_once(&mut read.terms, read_terms(r)?),
            _ => Err(Malformed("rules have an unknown member")),
        })?;
        reader.end()?;
        Ok(read)
    }
}

fn read_hosts(r: &mut JsonReader<'_>) -> Parsed<Vec<ServedHost>> {
    let mut hosts = Vec::new();
    r.object(|r, canonical| {
        let canonical = Host::parse(canonical).ok_or(Malformed("a host that is not canonical"))?;
        let mut names = vec![canonical];
        r.array(|r| {
            names.push(host(r)?);
            Ok(())
        })?;
        hosts.push(ServedHost(names.into_boxed_slice()));
        Ok(())
    })?;
    Ok(hosts)
}

fn read_match(r: &mut JsonReader<'_>) -> Parsed<Match<Rule>> {
    let (mut requests, mut to, mut until) = (RequestsRead::default(), None, None);
    r.object(|r, name| match name {
        "to" => {
            let found = r.string()?.with(Found::from_word).flatten();
            set_once(&mut to, found.ok_or(Malformed("`to` is not a known word"))?)
        }
        "until" => set_once(&mut until, Seconds::new(r.natural()?)),
        _ => requests.member(r, name),
    })?;
    let rule = Rule::new(required(to, "a match lacks `to`")?, until);
    requests.complete(required(rule, "a governed match has `until`")?)
}

fn read_terms(r: &mut JsonReader<'_>) -> Parsed<(u64, u64)> {
    let (mut max_lifetime, mut leeway) = (None, None);
    r.object(|r, name| match name {
        "leeway" => set_once(&mut leeway, r.natural()?),
        "maxLifetime" => set_once(&mut max_lifetime, r.natural()?),
        _ => Err(Malformed("`terms` has an unknown member")),
    })?;
    Ok((required(max_lifetime, "`terms` lacks `maxLifetime`")?, required(leeway, "`terms` lacks `leeway`")?))
}
