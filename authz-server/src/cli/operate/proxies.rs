//! `portcullis proxies`: which proxies ask for statements, how far each is, and which nobody hears of.

use clap::Args as ClapArgs;
use serde_json::Value as Json;

use super::call::{Server, shown, tell};
use crate::cli::out::{ExitStatus, Failure};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    server: Server,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    tell(args.server.get("/v1/proxies")?, args.server.json, |answer| lines(answer).join("\n"))
}

/// One line for each instance, and one for each proxy that nobody hears of.
fn lines(answer: &Json) -> Vec<String> {
    let list = |member: &str| answer[member].as_array().cloned().unwrap_or_default();
    let keys = list("statement_keys");
    let heard = list("proxies").iter().map(|proxy| line_of(proxy, &keys)).collect::<Vec<_>>();
    let silent = list("silent");
    let silent = silent.iter().filter_map(Json::as_str).map(|id| format!("{id}: not heard of"));
    let mut all: Vec<String> = heard.into_iter().chain(silent).collect();
    if all.is_empty() {
        all.push("the bundle names no proxy".to_owned());
    }
    // One key signs for everybody, and nothing need be said about it.
    if keys.len() > 1 {
        all.extend(keys.iter().map(|key| {
            let signs = if key["signs"] == true { "signs" } else { "does not sign" };
            format!("statement key {}: {signs} for proxies that pin both", shown(key, "kid"))
        }));
    }
    all
}

fn line_of(proxy: &Json, keys: &[Json]) -> String {
    let of = |member: &str| shown(proxy, member);
    format!(
        "{} {}: seq {}, judged {}, module {}, configuration {}; heard at {}, its statement runs out at {}{}",
        of("id"),
        of("instance"),
        of("seq"),
        of("judged"),
        of("module"),
        of("configuration"),
        proxy["heard"].as_u64().map_or(0, |heard| heard / 1000),
        of("until"),
        pinned(proxy, keys),
    )
}

/// By which key its last statement is, and which keys it pins: while there are two.
fn pinned(proxy: &Json, keys: &[Json]) -> String {
    if keys.len() < 2 {
        return String::new();
    }
    let pins = proxy["pins"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<String> =
        keys.iter().filter(|key| pins.contains(&key["pin"])).map(|key| shown(key, "kid")).collect();
    let by = proxy["key"].as_str().unwrap_or("none");
    format!(
        "; it pins {}; its statement is by {by}",
        if names.is_empty() { "none".to_owned() } else { names.join(" and ") }
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_proxy_that_nobody_hears_of_has_a_line_of_its_own() {
        let proxy = json!({
            "id": "local", "instance": "00000000000000af", "seq": 9, "judged": 8, "module": "sha256:00",
            "configuration": "sha256:11", "heard": 1_795_230_579_000_u64, "until": 1_795_230_609,
        });
        let answer = json!({"as_of": 9, "proxies": [proxy], "silent": ["spiffe://shop/edge"]});
        let expected = [
            "local 00000000000000af: seq 9, judged 8, module sha256:00, configuration sha256:11; heard at 1795230579, \
             its statement runs out at 1795230609",
            "spiffe://shop/edge: not heard of",
        ];
        assert_eq!(lines(&answer), expected);
    }

    #[test]
    fn while_there_are_two_keys_each_proxy_says_which_it_pins() {
        let proxy = |pins: Json| json!({"id": "local", "pins": pins, "key": "s1"});
        let keys =
            json!([{"kid": "s1", "pin": "A", "signs": true}, {"kid": "s2", "pin": "B", "signs": false}]);
        let answer = json!({"proxies": [proxy(json!(["A", "B"])), proxy(json!([]))], "statement_keys": keys});
        let lines = lines(&answer);
        assert!(lines[0].ends_with("; it pins s1 and s2; its statement is by s1"), "{}", lines[0]);
        assert!(lines[1].contains("; it pins none;"), "{}", lines[1]);
        assert_eq!(
            lines[2..],
            [
                "statement key s1: signs for proxies that pin both",
                "statement key s2: does not sign for proxies that pin both"
            ]
        );
    }
}
