//! Reads `kind: IssuanceTests`: the tests of `issuance.cedar`, case by case.
//!
//! What a case leaves out is what most requests are: for the holder himself, with his own key, the first one.

use std::collections::BTreeSet;
use std::path::PathBuf;

use warrant::Seconds;

use super::Posture;
use super::grants;
use super::issuance::{GrantLimits, HolderKeyOrigin, IssueQuery, StarterQuery, Wanted};
use super::kind::{DocumentKind, open};
use super::mesh::read_all;
use super::parts::{Broken, Parts, readable};
use super::route_tests::{self, CaseHead};
use super::{scalars, times};
use crate::fault::{FileFaults, Place, Placed};
use crate::strict::{Form, Node, NodeValue, formed, list, members, string};

#[derive(Debug)]
pub(crate) struct IssuanceTestsDoc {
    pub(crate) file: PathBuf,
    pub(crate) cases: Vec<IssuanceCase>,
}

#[derive(Debug)]
pub(crate) struct IssuanceCase {
    pub(crate) head: CaseHead,
    /// The time is that of the case, or the time of tests that name none.
    pub(crate) query: IssueQuery,
    pub(crate) now: Option<u64>,
    pub(crate) wanted: Wanted,
    /// The limits that the warrant must have, where the case names some.
    pub(crate) gets: Option<Placed<ExpectedLimits>>,
}

/// Limits that a case expects; what it does not name may be anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExpectedLimits {
    pub(crate) lifetime: Option<u64>,
    pub(crate) uses: Option<Option<u32>>,
    pub(crate) depth: Option<u64>,
}

impl ExpectedLimits {
    pub(crate) fn are(self, limits: GrantLimits) -> bool {
        self.lifetime.is_none_or(|lifetime| lifetime == limits.lifetime)
            && self.uses.is_none_or(|uses| uses == limits.uses)
            && self.depth.is_none_or(|depth| depth == limits.depth)
    }
}

const KNOWN: &[&str] = &[
    "holder", "starter", "key", "token", "roots", "posture", "now", "grant", "details", "hosts", "lifetime",
    "use", "depth", "gets",
];

pub(crate) fn read(node: &Node, faults: FileFaults<'_>) -> Option<IssuanceTestsDoc> {
    let document = open(node, DocumentKind::IssuanceTests, faults)?;
    let nothing = Node { at: node.at, value: NodeValue::Map(Vec::new()) };
    let given = document.members.get("given").unwrap_or(&nothing);
    request(given, faults);
    let items = list(document.members.need("cases", faults)?, faults)?;
    let cases = readable(items, |item| case(item, given, faults));
    route_tests::check_names(cases.iter().map(|case| &case.head), faults);
    Some(IssuanceTestsDoc { file: faults.file.to_path_buf(), cases })
}

fn case(node: &Node, given: &Node, faults: FileFaults<'_>) -> Option<IssuanceCase> {
    let head = route_tests::head(node, KNOWN, faults);
    let own = route_tests::only(node, KNOWN);
    let request = request(&route_tests::merged(given, &own), faults)?;
    if request.holder.is_none() && !request.broken.has("holder") {
        faults.fault(node.at, "the case has no `holder`", "write who asks for a warrant, here or in `given`");
    }
    let (broken, wanted) = (&request.broken, &request.wanted);
    let wants_nothing = wanted.grant.is_none() && wanted.details.is_none();
    if wants_nothing && !broken.has("grant") && !broken.has("details") {
        faults.fault(
            node.at,
            "the case has neither `grant` nor `details`",
            "write what is asked for, here or in `given`",
        );
    }
    let head = head?;
    if broken.is_empty() { request.into_case(head) } else { None }
}

/// A request, as far as a test describes it.
struct Request {
    holder: Option<String>,
    starter: Option<StarterQuery>,
    key: Option<HolderKeyOrigin>,
    token: Option<String>,
    roots: Option<u64>,
    posture: Option<Posture>,
    now: Option<u64>,
    wanted: Wanted,
    gets: Option<Placed<ExpectedLimits>>,
    broken: Broken,
}

impl Request {
    fn into_case(self, head: CaseHead) -> Option<IssuanceCase> {
        let query = IssueQuery {
            holder: self.holder?,
            key: self.key.unwrap_or(HolderKeyOrigin::Own),
            token: self.token,
            starter: self.starter,
            roots: self.roots.unwrap_or_default(),
            posture: self.posture.unwrap_or_default(),
            now: Seconds::default(),
        };
        Some(IssuanceCase { head, query, now: self.now, wanted: self.wanted, gets: self.gets })
    }
}

fn request(node: &Node, faults: FileFaults<'_>) -> Option<Request> {
    let mut parts = Parts::new(members(node, KNOWN, faults)?, faults);
    let keys = HolderKeyOrigin::ALL.map(|key| (key.word(), key));
    let postures = Posture::ALL.map(|posture| (posture.name(), posture));
    let wanted = Wanted {
        grant: parts.optional("grant", |node| string(node, faults).map(str::to_owned)),
        details: parts.optional("details", |node| grants::details(node, faults)),
        hosts: parts.optional("hosts", |node| hosts(node, faults)),
        lifetime: parts.optional("lifetime", |node| times::duration(node, faults)),
        uses: parts.optional("use", |node| uses(node, faults)).flatten(),
        depth: parts.optional("depth", |node| natural(node, faults)),
    };
    Some(Request {
        holder: parts.optional("holder", |node| scalars::plain(node, faults)),
        starter: parts.optional("starter", |node| starter(node, faults)),
        key: parts.optional("key", |node| scalars::one_of(node, &keys, faults)),
        token: parts.optional("token", |node| scalars::plain(node, faults)),
        roots: parts.optional("roots", |node| natural(node, faults)),
        posture: parts.optional("posture", |node| scalars::one_of(node, &postures, faults)),
        now: parts.optional("now", |node| times::instant(node, faults)),
        wanted,
        gets: parts.optional("gets", |node| limits(node, faults)),
        broken: parts.broken,
    })
}

fn hosts(node: &Node, faults: FileFaults<'_>) -> Option<BTreeSet<String>> {
    let host = |node: &Node| scalars::host(node, faults).map(|host| host.value);
    Some(read_all(list(node, faults)?, host)?.into_iter().collect())
}

fn starter(node: &Node, faults: FileFaults<'_>) -> Option<StarterQuery> {
    let spec = members(node, &["iss", "sub", "mayAct"], faults)?;
    let iss = spec.need("iss", faults).and_then(|node| scalars::plain(node, faults));
    let sub = spec.need("sub", faults).and_then(|node| scalars::plain(node, faults));
    let may_act = match spec.get("mayAct").map(|node| (&node.value, node.at)) {
        None => Some(true),
        Some((NodeValue::Bool(flag), _)) => Some(*flag),
        Some((_, at)) => {
            faults.fault(at, "`mayAct` is neither `true` nor `false`", "write one of them, without quotes");
            None
        }
    };
    Some(StarterQuery { iss: iss?, sub: sub?, may_act: may_act? })
}

fn limits(node: &Node, faults: FileFaults<'_>) -> Option<Placed<ExpectedLimits>> {
    let at: Place = node.at;
    let mut parts = Parts::new(members(node, &["lifetime", "use", "depth"], faults)?, faults);
    let limits = ExpectedLimits {
        lifetime: parts.optional("lifetime", |node| times::duration(node, faults)),
        uses: parts.optional("use", |node| uses(node, faults)),
        depth: parts.optional("depth", |node| natural(node, faults)),
    };
    parts.broken.is_empty().then(|| Placed::new(at, limits))
}

/// A number of uses, or `unlimited`.
fn uses(node: &Node, faults: FileFaults<'_>) -> Option<Option<u32>> {
    if let NodeValue::Text(text, _) = &node.value {
        let form = Form { what: "a number of uses", instead: "write a whole number from 1, or `unlimited`" };
        return formed(node, form, faults, |_| (text == "unlimited").then_some(None));
    }
    natural(node, faults).and_then(|uses| u32::try_from(uses).ok()).filter(|uses| *uses > 0).map(Some)
}

fn natural(node: &Node, faults: FileFaults<'_>) -> Option<u64> {
    if let NodeValue::Integer(number) = node.value {
        return u64::try_from(number).ok();
    }
    faults.fault(
        node.at,
        format!("expected a whole number, found {}", node.kind()),
        "write it without quotes",
    );
    None
}
