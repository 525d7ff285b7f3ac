//! The model: the rules of the specification, applied to the generated description instead of the token. It shares only
//! the names of the denials with the crate.

use warrant::Denial;

use crate::{
    common::NOW,
    generate::{CAP, LEEWAY, ModelCase, ModelConstraint, ModelDetail, ModelLink, ModelValue, NO_POINT, key},
};

pub(crate) fn judged(case: &ModelCase) -> Result<(), Denial> {
    let links = &case.links;
    let pairs: Vec<(&ModelLink, &ModelLink)> = links.windows(2).map(|pair| (&pair[0], &pair[1])).collect();
    let now = case.now;
    let deny = |bad: bool, denial: Denial| if bad { Err(denial) } else { Ok(()) };

    deny(
        case.lacking.is_some() || links.iter().any(|l| l.nbf >= l.exp || l.key == NO_POINT),
        Denial::WarrantMalformed,
    )?;
    deny(case.kid != "a1" || links[0].sub != "agent:a", Denial::IssuerUntrusted)?;
    deny(links.iter().any(|l| !l.is_signed), Denial::SignatureInvalid)?;
    deny(links.iter().any(|l| now >= l.exp), Denial::Expired)?;
    deny(links.iter().any(|l| l.nbf > now + LEEWAY || l.iat > now + LEEWAY), Denial::NotYetValid)?;
    deny(links.iter().any(|l| l.exp - l.nbf > CAP), Denial::LifetimeTooLong)?;
    let leaf = links.last().unwrap();
    deny(links.iter().any(|l| !l.aud.contains("shop")) || leaf.aud.len() > 1, Denial::AudienceMismatch)?;
    let out_of_place = (0..links.len()).any(|at| links[at].depth != at as u64);
    let unrelated = links[1..].iter().any(|l| !l.names_parent || !l.names_signer);
    deny(out_of_place || unrelated, Denial::LineageBroken)?;
    deny(pairs.iter().any(|(parent, child)| !narrower(child, parent)), Denial::LineageWidened)?;
    deny(links.iter().any(|l| l.depth > l.max_depth), Denial::LineageTooDeep)?;
    deny(case.revoked.iter().any(|(kind, value)| is_revoked(case, kind, value)), Denial::Revoked)?;
    let outside = |l: &ModelLink| !l.details.iter().any(|d| covers(d, case));
    deny(links.iter().any(outside), Denial::OutsideWarrant)
}

pub(crate) fn burns(case: &ModelCase) -> Vec<(String, u32)> {
    let mut names = Vec::new();
    let mut burned = Vec::new();
    for link in &case.links {
        names.push(link.jti);
        if let Some(max) = link.use_max {
            burned.push((names.join("/"), max));
        }
    }
    burned
}

fn is_revoked(case: &ModelCase, kind: &str, value: &str) -> bool {
    match kind {
        "path" => {
            let names: Vec<_> = case.links.iter().map(|link| link.jti).collect();
            (1..=names.len()).any(|end| names[..end].join("/") == value)
        }
        "key" => case
            .links
            .iter()
            .map(|link| link.key)
            .chain([1])
            .any(|number| key(number).thumbprint().to_string() == value),
        "txn" => value == "t1",
        "sub" => case.links.iter().any(|link| link.sub == value),
        _ => panic!("{kind} at {NOW}"),
    }
}

fn narrower(child: &ModelLink, parent: &ModelLink) -> bool {
    let uses = match (parent.use_max, child.use_max) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(most), Some(own)) => own <= most,
    };
    let env =
        parent.env.iter().all(|(name, wide)| child.env.get(name).is_some_and(|own| own.is_subset(wide)));
    let att = match (&parent.att, &child.att) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(own)) => own.is_subset(wide),
    };
    let window = child.nbf >= parent.nbf && child.exp <= parent.exp && child.iat >= parent.iat;
    let details = child.details.iter().all(|own| parent.details.iter().any(|wide| detail_within(own, wide)));
    uses && env
        && att
        && window
        && details
        && child.max_depth <= parent.max_depth
        && child.aud.is_subset(&parent.aud)
}

fn detail_within(child: &ModelDetail, parent: &ModelDetail) -> bool {
    let actions = match (&parent.actions, &child.actions) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(own)) => own.is_subset(wide),
    };
    let path_within = |own: &str| parent.paths.iter().any(|wide| steps_within(&split(own), &split(wide)));
    actions
        && child.hosts.is_subset(&parent.hosts)
        && child.methods.is_subset(&parent.methods)
        && child.paths.iter().all(|own| path_within(own))
        && parent
            .args
            .iter()
            .all(|(name, wide)| child.args.get(name).is_some_and(|own| constraint_within(own, wide)))
}

/// Only a colon is ever escaped in generated paths.
fn split(path: &str) -> Vec<String> {
    path[1..].split('/').map(|segment| segment.replace("%3A", ":").replace("%3a", ":")).collect()
}

fn steps_within(child: &[String], parent: &[String]) -> bool {
    match (child, parent) {
        (_, [wide]) if wide == "**" => true,
        ([], []) => true,
        ([own, child @ ..], [wide, parent @ ..]) => {
            let covered =
                if wide == "*" { own != "**" && !own.is_empty() } else { own == wide && own != "**" };
            covered && steps_within(child, parent)
        }
        _ => false,
    }
}

fn constraint_within(child: &ModelConstraint, parent: &ModelConstraint) -> bool {
    let between = |value: &ModelValue, low: i64, high: i64| matches!(value, ModelValue::Number(n) if low <= *n && *n <= high);
    match parent {
        ModelConstraint::Any => true,
        ModelConstraint::Range(low, high) => match child {
            ModelConstraint::Range(from, to) => low <= from && to <= high,
            ModelConstraint::Exact(value) => between(value, *low, *high),
            ModelConstraint::OneOf(values) => values.iter().all(|value| between(value, *low, *high)),
            ModelConstraint::Any => false,
        },
        ModelConstraint::OneOf(members) => match child {
            ModelConstraint::Exact(value) => members.contains(value),
            ModelConstraint::OneOf(values) => values.is_subset(members),
            ModelConstraint::Range(..) | ModelConstraint::Any => false,
        },
        ModelConstraint::Exact(value) => matches!(child, ModelConstraint::Exact(own) if own == value),
    }
}

fn covers(detail: &ModelDetail, case: &ModelCase) -> bool {
    let request = &case.request;
    let path = split(request.path);
    let matched = |pattern: &str| path_matches(&path, &split(pattern));
    let bounded = |(name, bound): (&&str, &ModelConstraint)| {
        request.args.get(name).is_some_and(|value| admits(bound, value))
    };
    detail.hosts.contains(request.host)
        && detail.methods.contains(request.method)
        && detail.paths.iter().any(|pattern| matched(pattern))
        && detail.actions.as_ref().is_none_or(|actions| actions.contains(request.action))
        && detail.args.iter().all(bounded)
}

fn path_matches(path: &[String], pattern: &[String]) -> bool {
    match (path, pattern) {
        (_, [last]) if last == "**" => true,
        ([], []) => true,
        ([segment, path @ ..], [step, pattern @ ..]) => {
            (if step == "*" { !segment.is_empty() } else { segment == step }) && path_matches(path, pattern)
        }
        _ => false,
    }
}

fn admits(bound: &ModelConstraint, value: &ModelValue) -> bool {
    match bound {
        ModelConstraint::Any => true,
        ModelConstraint::Exact(own) => own == value,
        ModelConstraint::OneOf(members) => members.contains(value),
        ModelConstraint::Range(low, high) => {
            matches!(value, ModelValue::Number(n) if (low..=high).contains(&n))
        }
    }
}
