//! `portcullis decisions`: the newest decisions, or one of them with its grounds.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::{Value as Json, json};
use warrant::Denial;

use super::call::{Answer, Server, encoded, safe, span, tell};
use crate::cli::ledger::time::rfc3339;
use crate::cli::out::{ExitStatus, Failure};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    // An id in base64url may begin with a hyphen.
    /// One decision, by the id that the client and the upstream got. Without it: a list, the newest first
    #[arg(allow_hyphen_values = true, conflicts_with_all = ["route", "code", "lineage", "holder", "from", "limit"])]
    id: Option<String>,
    /// On this route
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// With this outcome or verdict: allowed, ungoverned, observed, permit, or a denial's code
    #[arg(long)]
    code: Option<String>,
    /// Of this lineage, by the `txn` of the root
    #[arg(long, value_name = "TXN", allow_hyphen_values = true)]
    lineage: Option<String>,
    /// Whose warrant had this holder
    #[arg(long, value_name = "SUB")]
    holder: Option<String>,
    /// From this entry on downwards: the `next` of the page before
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,
    /// How many, up to 200 [default: 50]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,
    /// Write the proof that the decision is on record to this new file, for `portcullis ledger verify`
    #[arg(long, value_name = "FILE", requires = "id")]
    proof: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let server = &args.server;
    match (&args.id, &args.proof) {
        (Some(id), None) => {
            tell(server.get(&format!("/v1/decisions/{}", encoded(id)))?, server.json, |answer| {
                page(answer).join("\n")
            })
        }
        (Some(id), Some(file)) => {
            let answer = match server.get_text(&format!("/v1/decisions/{}/proof", encoded(id)))? {
                Answer::Done(proof) => {
                    let bytes = proof.as_str().unwrap_or_default().as_bytes();
                    ledger::durable::write_new(file, bytes, 0o644)
                        .map_err(|error| Failure::new(format!("cannot write {}: {error}", file.display())))?;
                    Answer::Done(json!({"wrote": file}))
                }
                refused @ Answer::Refused { .. } => refused,
            };
            tell(answer, server.json, |_| format!("wrote {}", file.display()))
        }
        (None, _) => tell(server.get(&args.query())?, server.json, |answer| list(answer).join("\n")),
    }
}

impl Args {
    fn query(&self) -> String {
        let numbers = [("from", self.from), ("limit", self.limit)];
        let numbers = numbers.map(|(name, number)| (name, number.map(|number| number.to_string())));
        let texts = [
            ("route", &self.route),
            ("code", &self.code),
            ("lineage", &self.lineage),
            ("holder", &self.holder),
        ];
        let texts = texts.map(|(name, text)| (name, text.clone()));
        let given = texts.into_iter().chain(numbers);
        let given = given.filter_map(|(name, value)| Some(format!("{name}={}", encoded(&value?))));
        format!("/v1/decisions?{}", given.collect::<Vec<_>>().join("&"))
    }
}

/// A table: one row for each decision, and how far it reaches.
fn list(answer: &Json) -> Vec<String> {
    let decisions = answer["decisions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let head = ["TIME", "OUTCOME", "ROUTE", "REQUEST", "HOLDER", "ID"].map(str::to_owned);
    let rows = [head].into_iter().chain(decisions.iter().map(row)).collect::<Vec<_>>();
    let mut lines = if decisions.is_empty() { vec!["nothing was found".to_owned()] } else { table(&rows) };
    lines.push(span(answer));
    if let Some(next) = answer["next"].as_u64() {
        lines.push(format!("older ones: --from {next}"));
    }
    lines
}

fn row(decision: &Json) -> [String; 6] {
    let time = decision["time"].as_u64().map_or_else(|| "?".to_owned(), rfc3339);
    let [outcome, route, holder, id] = ["outcome", "route", "holder", "id"].map(|name| safe(&decision[name]));
    [time, outcome, route, request(decision), holder, id]
}

fn request(of: &Json) -> String {
    format!("{} {}{}", safe(&of["method"]), safe(&of["host"]), safe(&of["path"]))
}

/// Columns as wide as their widest text.
fn table<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let mut widths = [0; N];
    for row in rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(text, width)| format!("{text:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// One decision: what was asked, by whom, what was decided and why, and what became of it.
fn page(answer: &Json) -> Vec<String> {
    let entry = &answer["entry"];
    let time = entry["time"].as_u64().map_or_else(|| "?".to_owned(), rfc3339);
    let mut lines = vec![format!("{} (entry {}, {time})", safe(&entry["id"]), answer["index"])];
    let mut say = |name: &str, text: String| lines.push(format!("  {name:<9} {text}"));
    say("request", request(&entry["request"]));
    say("proxy", safe(&entry["proxy"]));
    if !entry["identity"].is_null() {
        say("client", safe(&entry["identity"]));
    }
    let outcome = safe(&entry["outcome"]);
    say("outcome", outcome.clone());
    for (name, text) in why(&outcome, entry) {
        say(name, text);
    }
    let verdict = &entry["verdict"];
    say("route", safe(&verdict["route"]));
    say("verdict", format!("{}, policies: {}", safe(&verdict["code"]), names(&verdict["policies"])));
    for (depth, link) in entry["chain"].as_array().into_iter().flatten().enumerate() {
        let branch = if depth == 0 {
            String::new()
        } else {
            format!("{}└─ ", "   ".repeat(depth.saturating_sub(1)))
        };
        let issued = if depth == 0 {
            format!(", issued by {}, lineage {}", safe(&link["iss"]), safe(&link["txn"]))
        } else {
            String::new()
        };
        say(
            if depth == 0 { "warrant" } else { "" },
            format!("{branch}{} as {}{issued}", safe(&link["sub"]), safe(&link["jti"])),
        );
    }
    for item in entry["burned"].as_array().into_iter().flatten() {
        say("burned", burned(item, entry["chain"].as_array().map(Vec::as_slice).unwrap_or_default()));
    }
    let bundle = &entry["bundle"];
    if !bundle.is_null() {
        say("bundle", format!("version {}, {}", bundle["version"], safe(&bundle["digest"])));
    }
    say("ended", ended(answer.pointer("/outcome/entry").unwrap_or(&Json::Null)));
    lines.push(span(answer));
    lines
}

/// For a denial: what it means, what to do, and which check before the judge found it.
fn why(outcome: &str, entry: &Json) -> Vec<(&'static str, String)> {
    let Some(denial) = Denial::from_code(outcome) else { return Vec::new() };
    let mut why = vec![("why", denial.meaning().to_owned()), ("cure", denial.cure().to_owned())];
    let denied = entry.pointer("/checks/denied").and_then(Json::as_object).into_iter().flatten();
    why.extend(denied.map(|(check, code)| ("check", format!("{check}: {}", safe(code)))));
    why
}

/// An entry names what follows from the chain by the link's place, or by the proof alone.
fn burned(item: &Json, chain: &[Json]) -> String {
    let place = item.as_u64().and_then(|place| usize::try_from(place).ok());
    if let Some(path) = place.and_then(|place| chain.get(..=place)) {
        let max = path.last().map_or(&Json::Null, |link| &link["use"]);
        let names: Vec<String> = path.iter().map(|link| safe(&link["jti"])).collect();
        return format!("one use of {max}: {}", names.join("/"));
    }
    match item.get("proof") {
        Some(proof) => format!("one proof: {}", safe(proof)),
        None => format!("one {} of {}: {}", safe(&item["what"]), item["max"], safe(&item["name"])),
    }
}

fn names(list: &Json) -> String {
    let names = list.as_array().into_iter().flatten().map(safe).collect::<Vec<_>>();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn ended(outcome: &Json) -> String {
    if outcome.is_null() {
        return "not known".to_owned();
    }
    let reached = if outcome["reached"] == true { "reached an upstream" } else { "reached no upstream" };
    let how = match safe(&outcome["termination"]) {
        how if how.is_empty() => String::new(),
        how => format!(", {how}"),
    };
    format!("status {} after {} ms, {reached}{how}", safe(&outcome["status"]), outcome["duration"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_a_table_that_says_where_the_next_page_begins() {
        let decision = |id: &str, outcome: &str, holder: Json| {
            json!({"index": 7, "id": id, "time": 1_700_000_000_000_u64, "outcome": outcome, "route": "hello",
                "method": "GET", "host": "localhost", "path": "/\u{1b}[2J", "holder": holder})
        };
        let answer = json!({"from": 0, "as_of": 9, "size": 12, "next": 3,
            "decisions": [decision("a", "allowed", json!("agent:demo")), decision("b", "warrant-missing", json!(null))]});
        let expected = [
            "TIME                      OUTCOME          ROUTE  REQUEST                     HOLDER      ID",
            "2023-11-14T22:13:20.000Z  allowed          hello  GET localhost/\\u{1b}[2J     agent:demo  a",
            "2023-11-14T22:13:20.000Z  warrant-missing  hello  GET localhost/\\u{1b}[2J     none        b",
            "read: entries 0 to 8; 3 newer ones are not read yet",
            "older ones: --from 3",
        ];
        let trimmed = |lines: &[String]| {
            lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        };
        let expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(trimmed(&list(&answer)), trimmed(&expected));
    }

    #[test]
    fn a_page_says_why_it_was_denied_and_what_was_burned() {
        let answer = json!({"from": 0, "as_of": 9, "size": 9, "index": 4, "outcome": null, "entry": {
            "id": "d", "time": 1_700_000_000_000_u64, "proxy": "local", "identity": null, "outcome": "expired",
            "request": {"method": "GET", "host": "localhost", "path": "/hello/you"},
            "checks": {"denied": {"proof": "expired"}, "not_made": ["body"]},
            "verdict": {"code": "expired", "policies": [], "route": "hello"},
            "chain": [{"sub": "agent:demo", "jti": "r", "iss": "https://a", "txn": "t"}, {"sub": "agent:sub", "jti": "c", "use": 2}],
            "burned": [1, {"proof": "p1", "until": 7}, {"what": "use", "max": 3, "name": "r", "owner": "https://a"}],
            "bundle": {"version": 2, "digest": "sha256:00"},
        }});
        let expected = [
            "d (entry 4, 2023-11-14T22:13:20.000Z)".to_owned(),
            "  request   GET localhost/hello/you".to_owned(),
            "  proxy     local".to_owned(),
            "  outcome   expired".to_owned(),
            format!("  why       {}", Denial::Expired.meaning()),
            format!("  cure      {}", Denial::Expired.cure()),
            "  check     proof: expired".to_owned(),
            "  route     hello".to_owned(),
            "  verdict   expired, policies: none".to_owned(),
            "  warrant   agent:demo as r, issued by https://a, lineage t".to_owned(),
            "            └─ agent:sub as c".to_owned(),
            "  burned    one use of 2: r/c".to_owned(),
            "  burned    one proof: p1".to_owned(),
            "  burned    one use of 3: r".to_owned(),
            "  bundle    version 2, sha256:00".to_owned(),
            "  ended     not known".to_owned(),
            "read: entries 0 to 8".to_owned(),
        ];
        assert_eq!(page(&answer), expected);
    }
}
