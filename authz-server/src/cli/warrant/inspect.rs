//! `portcullis warrant inspect`: shows the lineage as a tree. Nothing is verified.
//!
//! Visible faults are printed at their link, and the readable part of a malformed chain is shown.

use clap::Args as ClapArgs;
use serde_json::{Value as Json, json};
use warrant::{Claims, Digest, PresentedWarrant, Seconds};

use super::{describe, value_or_file};
use crate::cli::out::{ExitStatus, Failure, line};
use crate::clock::Clock;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The warrant, or @FILE
    warrant: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Compute times as of this time, in seconds since 1970 [default: now]
    #[arg(long)]
    at: Option<u64>,
}

/// One readable link.
struct ReadableLink {
    claims: Claims,
    digest: Digest,
    narrowed: Vec<String>,
    faults: Vec<String>,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let header = value_or_file(&args.warrant)?;
    let fault = fault(&header);
    let links = readable(&header, fault.as_ref().map_or(usize::MAX, |(link, _)| *link));
    let now = args.at.map_or_else(|| Clock::of_the_machine().now(), Seconds::new);
    let malformed = fault.map(|(link, what)| format!("link {link} is malformed: {what}"));
    let sound = malformed.is_none() && links.iter().all(|link| link.faults.is_empty());
    if args.json {
        line(to_json(&links, malformed.as_deref()))?;
    } else {
        tree(&links, malformed.as_deref(), now).iter().try_for_each(line)?;
    }
    Ok(if sound { ExitStatus::Success } else { ExitStatus::Denied })
}

/// The first fault in the form, with its link.
fn fault(header: &str) -> Option<(usize, &'static str)> {
    if let Some(fault) = PresentedWarrant::first_fault(header.as_bytes()) {
        return Some((fault.link, fault.what));
    }
    PresentedWarrant::parse(header.as_bytes()).err().map(|denial| (0, denial.meaning()))
}

/// The links above the first fault. The links below it cannot be read reliably.
fn readable(header: &str, before: usize) -> Vec<ReadableLink> {
    let above = header.split('~').take(before).collect::<Vec<_>>().join("~");
    let Ok(presented) = PresentedWarrant::parse(above.as_bytes()) else { return Vec::new() };
    let claims = presented.unverified_claims().unwrap_or_default();
    let mut links: Vec<ReadableLink> = Vec::new();
    for (claims, digest) in claims.into_iter().zip(presented.digests()) {
        let (narrowed, faults) = match links.last() {
            None => (Vec::new(), Vec::new()),
            Some(parent) => (
                describe::narrowed(&claims, &parent.claims),
                describe::faults(&claims, &parent.claims, parent.digest, links.len()),
            ),
        };
        links.push(ReadableLink { claims, digest, narrowed, faults });
    }
    links
}

fn tree(links: &[ReadableLink], malformed: Option<&str>, now: Seconds) -> Vec<String> {
    let mut lines =
        vec!["nothing below is verified; to verify it, use `portcullis warrant verify`".to_owned()];
    for (depth, link) in links.iter().enumerate() {
        let claims = &link.claims;
        let indent = "   ".repeat(depth);
        let branch = if depth == 0 { "" } else { "└─ " };
        let by = if depth == 0 { format!(", issued by {}", claims.iss()) } else { String::new() };
        let above = "   ".repeat(depth.saturating_sub(1));
        lines.push(format!("{above}{branch}{}{by}, for {}", claims.sub(), claims.aud().join(" or ")));
        let mut under = |text: String| lines.push(format!("{indent}   {text}"));
        describe::may(claims).for_each(|may| under(format!("may {may}")));
        under(describe::bounds(claims, now));
        under(format!("key {}", claims.cnf().thumbprint()));
        if depth > 0 {
            let changes =
                if link.narrowed.is_empty() { "nothing".to_owned() } else { link.narrowed.join("; ") };
            under(format!("narrowed here: {changes}"));
        }
        link.faults.iter().for_each(|fault| under(format!("WRONG: {fault}")));
    }
    lines.extend(malformed.map(|what| format!("WRONG: {what}")));
    lines
}

fn to_json(links: &[ReadableLink], malformed: Option<&str>) -> Json {
    let links: Vec<Json> = links
        .iter()
        .map(|link| {
            let mut object = describe::to_json(&link.claims, link.digest);
            if let Some(members) = object.as_object_mut() {
                members.insert("narrowed".to_owned(), json!(link.narrowed));
                members.insert("wrong".to_owned(), json!(link.faults));
            }
            object
        })
        .collect();
    json!({"verified": false, "malformed": malformed, "links": links})
}
