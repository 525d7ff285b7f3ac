//! Reads `subjects` of the mesh: the issuers whose tokens the authority exchanges for warrants.

use super::caller_issuers::{self, CallerKeys};
use super::mesh::read_all;
use super::scalars;
use super::subject_name::NameTemplate;
use crate::fault::{FileFaults, Place};
use crate::strict::{Form, Members, Node, formed, list, members};

/// An issuer whose tokens name holders or starters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectIssuer {
    /// The `iss` of its tokens; `None` only for JWT-SVIDs, which may have none.
    pub iss: Option<String>,
    /// The one audience of its tokens for this mesh.
    pub audience: String,
    pub keys: CallerKeys,
    pub naming: SubjectNaming,
    pub role: SubjectRole,
}

/// How its tokens get the name of a holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectNaming {
    /// By some of their claims.
    Template(NameTemplate),
    /// Their `sub` is a SPIFFE ID of this trust domain.
    TrustDomain(String),
}

/// What the subject of a token may be in a warrant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectRole {
    /// It may hold a warrant itself.
    Holder,
    /// It only starts what somebody else holds.
    Starter,
}

impl SubjectNaming {
    /// What every name of its tokens begins with.
    pub fn prefix(&self) -> String {
        match self {
            Self::Template(template) => template.prefix().to_owned(),
            Self::TrustDomain(domain) => format!("spiffe://{domain}/"),
        }
    }
}

/// An issuer, with the place where it is written.
#[derive(Clone, Debug)]
pub(crate) struct PlacedSubjectIssuer {
    pub(crate) at: Place,
    pub(crate) issuer: SubjectIssuer,
}

pub(super) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Vec<PlacedSubjectIssuer>> {
    let read = read_all(list(node, faults)?, |node| {
        Some(PlacedSubjectIssuer { at: node.at, issuer: issuer(node, faults)? })
    })?;
    check_names_differ(&read, faults);
    Some(read)
}

/// Two issuers must not be able to name one holder: the weaker one could be anybody.
fn check_names_differ(issuers: &[PlacedSubjectIssuer], faults: FileFaults<'_>) {
    let mut rest = issuers;
    while let [one, others @ ..] = rest {
        let own = one.issuer.naming.prefix();
        for other in others {
            let theirs = other.issuer.naming.prefix();
            if own.starts_with(&theirs) || theirs.starts_with(&own) {
                faults.fault(
                    other.at,
                    format!("names that begin with `{theirs}` could be those of another entry, which begin with `{own}`"),
                    "give the names of each entry a beginning of their own",
                );
            }
        }
        rest = others;
    }
}

fn issuer(node: &Node, faults: FileFaults<'_>) -> Option<SubjectIssuer> {
    let known = ["iss", "trustDomain", "audience", "jwks", "jwksUri", "sub", "as"];
    let spec = members(node, &known, faults)?;
    let naming = naming(spec, faults);
    let iss = match spec.get("iss") {
        Some(node) => caller_issuers::issuer_name(node, faults).map(Some),
        None if spec.get("trustDomain").is_some() => Some(None),
        None => spec.need("iss", faults).map(|_| None),
    };
    let audience = spec.need("audience", faults).and_then(|node| scalars::plain(node, faults));
    let keys = caller_issuers::keys(spec, faults);
    let roles = [("holder", SubjectRole::Holder), ("starter", SubjectRole::Starter)];
    let role = spec.need("as", faults).and_then(|node| scalars::one_of(node, &roles, faults));
    Some(SubjectIssuer { iss: iss?, audience: audience?, keys: keys?, naming: naming?, role: role? })
}

fn naming(spec: Members<'_>, faults: FileFaults<'_>) -> Option<SubjectNaming> {
    match (spec.get("sub"), spec.get("trustDomain")) {
        (Some(node), None) => {
            let form = Form {
                what: "a valid template of names",
                instead: "write a name in which claims fill whole segments, like `spiffe://shop/ns/{namespace}/sa/{sub}`; a claim inside another is written like `{/kubernetes.io/namespace}`",
            };
            formed(node, form, faults, NameTemplate::parse).map(SubjectNaming::Template)
        }
        (None, Some(node)) => {
            let form = Form {
                what: "a valid trust domain",
                instead: "write it as in SPIFFE IDs, like `shop.example`",
            };
            let is_domain = |text: &str| scalars::is_spiffe_id(&format!("spiffe://{text}/a"));
            formed(node, form, faults, |text| {
                is_domain(text).then(|| SubjectNaming::TrustDomain(text.to_owned()))
            })
        }
        (Some(_), Some(_)) => {
            faults.fault(
                spec.at,
                "both `sub` and `trustDomain`",
                "keep one of them: the name of a JWT-SVID is its SPIFFE ID",
            );
            None
        }
        (None, None) => {
            if !spec.misspells("sub") && !spec.misspells("trustDomain") {
                faults.fault(
                    spec.at,
                    "neither `sub` nor `trustDomain`",
                    "write how its tokens get a name, like `sub: \"agent:{sub}\"`, or the trust domain of its JWT-SVIDs",
                );
            }
            None
        }
    }
}
