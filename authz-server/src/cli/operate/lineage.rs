//! `portcullis lineage`: the warrants of a lineage as a tree, with the decisions under each.

use clap::Args as ClapArgs;
use serde_json::Value as Json;

use super::call::{Server, encoded, safe, span, tell};
use crate::cli::ledger::time::rfc3339;
use crate::cli::out::{ExitStatus, Failure};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The `txn` of the root
    #[arg(allow_hyphen_values = true)]
    txn: String,
    /// The issuer of the root, if several have a lineage of this name
    #[arg(long)]
    iss: Option<String>,
    #[command(flatten)]
    server: Server,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let iss = args.iss.as_ref().map(|iss| format!("?iss={}", encoded(iss))).unwrap_or_default();
    let answer = args.server.get(&format!("/v1/lineages/{}{iss}", encoded(&args.txn)))?;
    tell(answer, args.server.json, |answer| tree(answer).join("\n"))
}

fn tree(answer: &Json) -> Vec<String> {
    let issued = match answer["issued"].as_u64() {
        Some(index) => format!("issued by entry {index}"),
        None => "not known as issued here".to_owned(),
    };
    let mut lines = vec![format!("lineage {} of {}, {issued}", safe(&answer["txn"]), safe(&answer["iss"]))];
    for root in answer["warrants"].as_array().into_iter().flatten() {
        branch(&mut lines, root, "", "");
    }
    if let Some(left_out) = answer["left_out"].as_u64().filter(|count| *count > 0) {
        lines.push(format!(
            "{left_out} decisions are under further warrants, for which there is no room here"
        ));
    }
    lines.push(span(answer));
    lines
}

/// `first` stands before the first line of a warrant, and `rest` before those below it.
fn branch(lines: &mut Vec<String>, warrant: &Json, first: &str, rest: &str) {
    lines.push(format!("{first}{} as {}", safe(&warrant["sub"]), safe(&warrant["jti"])));
    let children = warrant["children"].as_array().map(Vec::as_slice).unwrap_or_default();
    let bar = if children.is_empty() { "   " } else { "│  " };
    for text in decisions(&warrant["decisions"]) {
        lines.push(format!("{rest}{bar}{text}"));
    }
    for (position, child) in children.iter().enumerate() {
        let is_last = position.saturating_add(1) == children.len();
        let (corner, below) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        branch(lines, child, &format!("{rest}{corner}"), &format!("{rest}{below}"));
    }
}

fn decisions(tally: &Json) -> Vec<String> {
    let outcomes = tally["outcomes"].as_object().into_iter().flatten();
    let counts: Vec<String> = outcomes.map(|(outcome, count)| format!("{count} {outcome}")).collect();
    if counts.is_empty() {
        return vec!["no decision".to_owned()];
    }
    let time = |moment: &Json| moment["time"].as_u64().map_or_else(|| "?".to_owned(), rfc3339);
    let newest: Vec<String> = tally["newest"].as_array().into_iter().flatten().map(safe).collect();
    vec![
        format!("{}, from {} to {}", counts.join(", "), time(&tally["first"]), time(&tally["last"])),
        format!("newest: {}", newest.join(" ")),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn children_hang_below_their_parent() {
        let tally = |count: u64| match count {
            0 => json!({"count": 0, "outcomes": {}, "first": null, "last": null, "newest": []}),
            count => json!({"count": count, "outcomes": {"allowed": count}, "newest": ["b", "a"],
                "first": {"index": 3, "time": 0}, "last": {"index": 5, "time": 1000}}),
        };
        let warrant = |jti: &str, count: u64, children: Vec<Json>| json!({"jti": jti, "sub": format!("agent:{jti}"), "decisions": tally(count), "children": children});
        let below = warrant("c", 0, vec![]);
        let root = warrant("r", 2, vec![warrant("x", 0, vec![below]), warrant("y", 0, vec![])]);
        let answer = json!({"from": 0, "as_of": 9, "size": 9, "txn": "t", "iss": "https://a", "issued": 2,
            "left_out": 1, "warrants": [root]});
        let expected = [
            "lineage t of https://a, issued by entry 2",
            "agent:r as r",
            "│  2 allowed, from 1970-01-01T00:00:00.000Z to 1970-01-01T00:00:01.000Z",
            "│  newest: b a",
            "├─ agent:x as x",
            "│  │  no decision",
            "│  └─ agent:c as c",
            "│        no decision",
            "└─ agent:y as y",
            "      no decision",
            "1 decisions are under further warrants, for which there is no room here",
            "read: entries 0 to 8",
        ];
        assert_eq!(tree(&answer), expected);
    }
}
