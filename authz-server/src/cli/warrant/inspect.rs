//! `portcullis warrant inspect`: the lineage as a tree that a person can read. Nothing of it is verified.

use clap::Args as ClapArgs;
use serde_json::json;
use warrant::{Claims, Presented, Seconds};

use super::{describe, value_or_file};
use crate::cli::out::{Failure, line};
use crate::clock::Clock;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The warrant as it was given, or @FILE
    warrant: String,
    /// For machines
    #[arg(long)]
    json: bool,
    /// As of this time, in seconds since 1970 [default: now]
    #[arg(long)]
    at: Option<u64>,
}

pub(in crate::cli) fn run(args: &Args) -> Result<(), Failure> {
    let header = value_or_file(&args.warrant)?;
    if let Some(fault) = Presented::fault(header.as_bytes()) {
        return Err(Failure::new(format!("this is no warrant: link {}: {}", fault.link, fault.what)));
    }
    let refused = |denial: warrant::Denial| Failure::new(format!("this is no warrant: {}", denial.meaning()));
    let presented = Presented::parse(header.as_bytes()).map_err(refused)?;
    let links = presented.unverified().map_err(refused)?;
    let digests: Vec<String> = presented.digests().map(|digest| digest.to_string()).collect();
    if args.json {
        let links: Vec<_> =
            links.iter().zip(&digests).map(|(claims, digest)| describe::to_json(claims, digest)).collect();
        return line(json!({"verified": false, "links": links}));
    }
    let now = args.at.map_or_else(|| Clock::of_the_machine().now(), Seconds::new);
    tree(&links, now).iter().try_for_each(line)
}

fn tree(links: &[Claims], now: Seconds) -> Vec<String> {
    let mut lines = vec!["nothing below has been verified; `portcullis warrant verify` does".to_owned()];
    let mut parent: Option<&Claims> = None;
    for (depth, claims) in links.iter().enumerate() {
        let indent = "   ".repeat(depth);
        let (branch, under) =
            if depth == 0 { (String::new(), "   ") } else { (format!("{indent}└─ "), "   ") };
        let by = if depth == 0 { format!(", issued by {}", claims.iss()) } else { String::new() };
        lines.push(format!("{branch}{}{by}, for {}", claims.sub(), claims.aud().join(" or ")));
        lines.extend(describe::may(claims).map(|may| format!("{indent}{under}may {may}")));
        lines.push(format!("{indent}{under}{}", describe::bounds(claims, now)));
        lines.push(format!("{indent}{under}key {}", claims.cnf().thumbprint()));
        if let Some(parent) = parent {
            let narrowed = describe::narrowed(claims, parent);
            let said = if narrowed.is_empty() { "nothing".to_owned() } else { narrowed.join(", ") };
            lines.push(format!("{indent}{under}narrowed here: {said}"));
        }
        parent = Some(claims);
    }
    lines
}
