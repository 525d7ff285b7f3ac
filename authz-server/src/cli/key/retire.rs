//! `portcullis key retire`: the next key becomes the only one, when the running server shows that nobody needs the first any more.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use ::ledger::durable::Disk;
use clap::Args;
use serde_json::Value as Json;

use super::of_role;
use crate::cli::operate::call::{Answer, Server, shown};
use crate::cli::out::{Failure, line, line_to_stderr};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::keys::{KeyPlace, KeyRole, NamedSigner};

/// The server reads its files every second, and a published set may be on its way for a few.
const ON_ITS_WAY: Duration = Duration::from_secs(6);

#[derive(Debug, Args)]
pub(in crate::cli) struct Retire {
    /// The configuration of the server
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// What the key signs: statements or receipts
    #[arg(long, value_enum)]
    role: KeyRole,
    /// The address of the server's API, if that is not on a Unix socket of this machine: `https://HOST:PORT`
    #[arg(long, value_name = "ADDRESS")]
    api: Option<String>,
    /// A file with the token of the caller, who needs `read-proxies`
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// Do not ask the server. A proxy or upstream that needs the old key then denies everything until it knows the next one
    #[arg(long, conflicts_with_all = ["api", "token"])]
    force: bool,
}

/// The file of the next key takes the place of the first, which is put aside.
pub(super) fn run(args: &Retire) -> Result<(), Failure> {
    let config = config::load(&args.config).map_err(|faults| Failure::all(&faults))?;
    let (role, place, all) = of_role(&config.keys, args.role, &args.config)?;
    if role.successors().is_none() {
        return Err(Failure::new(
            "the keys of an authority are retired by a bundle that does not list them; then remove their files",
        ));
    }
    if let Some(socket) = place.socket() {
        return Err(Failure::new(format!(
            "another process has the key: let the signer of the next one listen on {}, and put its public half into {place}",
            socket.display()
        )));
    }
    let [first, next] = all.as_slice() else {
        return Err(Failure::new(format!(
            "there is no key beside {place}: make one with `portcullis key rotate`"
        )));
    };
    if !args.force {
        let needed = |why: String| {
            Failure::new(format!("the key {} is not put aside: {why}. `--force` does not ask", first.kid))
        };
        check_not_needed(args, &config, (role, place), next).map_err(needed)?;
    }
    // A server that finds no first file between the two steps keeps the key that it has.
    let aside = place.file().with_extension(format!("{}.retired", first.kid));
    rename(place.file(), &aside)?;
    rename(place.beside(&next.kid).file(), place.file())?;
    line(format!(
        "{place} has the key {} now; the key {} is in {}: remove it when everything works",
        next.kid,
        first.kid,
        aside.display()
    ))
}

fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    Disk::real()
        .rename_durably(from, to)
        .map_err(|error| Failure::new(format!("{} cannot be renamed: {error}", from.display())))
}

/// Refuses while the server, or anybody who relies on it, needs the first key.
fn check_not_needed(
    args: &Retire,
    config: &Config,
    (role, place): (KeyRole, &KeyPlace),
    next: &NamedSigner,
) -> Result<(), String> {
    let own = args.api.is_none().then(|| args.config.clone());
    let server = Server::at(own, args.api.clone(), args.token.clone());
    let ask = |path: &str| match server.get(path) {
        Ok(Answer::Done(answer)) => Ok(answer),
        Ok(Answer::Refused { code, says }) => Err(format!("the server refuses to say: {code}: {says}")),
        Err(failure) => Err(format!("the server cannot be asked: {failure}")),
    };
    match role {
        KeyRole::Authority => Ok(()),
        KeyRole::Statement => {
            let answer = ask("/v1/proxies")?;
            check_statements(&answer, &next.kid)?;
            silent(&answer).into_iter().for_each(line_to_stderr);
            Ok(())
        }
        KeyRole::Receipt => {
            check_published(&ask("/v1/receipt-jwks.json")?, &next.kid)?;
            let file = place.beside(&next.kid);
            let made = std::fs::metadata(file.file()).and_then(|metadata| metadata.modified());
            let made = made.map_err(|error| format!("{file} cannot be read: {error}"))?;
            let made = made.duration_since(UNIX_EPOCH).unwrap_or_default();
            let kept = Duration::from_secs(config.receipt_keys_kept).saturating_add(ON_ITS_WAY);
            check_known(made, kept, Duration::from_millis(Clock::of_the_machine().milliseconds()))
        }
    }
}

/// Whether every proxy holds a statement by the next key, as `/v1/proxies` shows them.
fn check_statements(answer: &Json, next: &str) -> Result<(), String> {
    let list = |member: &str| answer[member].as_array().map_or(&[][..], Vec::as_slice);
    let number = |of: &Json, member: &str| of[member].as_u64().unwrap_or(u64::MAX);
    if !list("statement_keys").iter().any(|key| key["kid"] == next && key["signs"] == true) {
        return Err(format!("the server does not sign with {next} yet, because not every proxy pins it"));
    }
    let now = answer["now"].as_u64().unwrap_or(0);
    if number(answer, "complete_from") > now {
        return Err("the server has just started and does not know every proxy yet".to_owned());
    }
    let held = list("proxies").iter().filter(|proxy| number(proxy, "until") >= now && proxy["key"] != next);
    let held: Vec<String> =
        held.map(|proxy| format!("{} {}", shown(proxy, "id"), shown(proxy, "instance"))).collect();
    if held.is_empty() {
        Ok(())
    } else {
        Err(format!("these proxies hold statements by another key: {}", held.join(", ")))
    }
}

/// A line for each proxy that nobody has heard of: it may pin the old key alone.
fn silent(answer: &Json) -> Vec<String> {
    let silent = answer["silent"].as_array().map_or(&[][..], Vec::as_slice);
    let line = |id: &str| {
        format!(
            "warning: the proxy {id} is not heard of; if it pins only the old key, it will deny everything"
        )
    };
    silent.iter().filter_map(Json::as_str).map(line).collect()
}

fn check_published(set: &Json, next: &str) -> Result<(), String> {
    let keys = set["keys"].as_array().map_or(&[][..], Vec::as_slice);
    if keys.iter().any(|key| key["kid"] == next) {
        Ok(())
    } else {
        Err(format!("the server does not publish {next}; its log says why"))
    }
}

/// Whether every upstream has a set with a key that was made then. The times are counted from 1970.
fn check_known(made: Duration, kept: Duration, now: Duration) -> Result<(), String> {
    match kept.checked_sub(now.saturating_sub(made)) {
        Some(left) if left > Duration::ZERO => Err(format!(
            "upstreams may have a set of keys without the next one for another {} s",
            left.as_secs().saturating_add(1)
        )),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_statement_key_is_needed_until_every_proxy_that_lives_holds_a_statement_by_the_next() {
        let proxy = |instance: &str, key: &str, until: u64| json!({"id": "local", "instance": instance, "key": key, "until": until});
        let answer = |signs: bool, complete_from: u64, proxies: &[Json]| {
            let keys = json!([{"kid": "s1", "signs": !signs}, {"kid": "s2", "signs": signs}]);
            json!({"now": 100, "complete_from": complete_from, "proxies": proxies, "silent": ["spiffe://a"],
                "statement_keys": keys})
        };
        let (old, new, dead) = (proxy("aa", "s1", 120), proxy("bb", "s2", 120), proxy("cc", "s1", 99));
        let refused = |answer: &Json| check_statements(answer, "s2").unwrap_err();
        assert!(refused(&answer(false, 0, &[])).contains("not every proxy pins it"));
        assert!(refused(&answer(true, 101, &[])).contains("just started"));
        let said = refused(&answer(true, 100, &[old, new.clone()]));
        assert!(said.ends_with("another key: local aa"), "{said}");
        let good = answer(true, 100, &[new, dead]);
        assert_eq!((check_statements(&good, "s2"), silent(&good).len()), (Ok(()), 1));
        // An answer of another form shows nothing.
        assert!(check_statements(&json!({}), "s2").is_err());
    }

    #[test]
    fn a_receipt_key_is_needed_until_no_upstream_has_a_set_without_the_next() {
        assert!(check_published(&json!({"keys": [{"kid": "r1"}]}), "r2").is_err());
        assert_eq!(check_published(&json!({"keys": [{"kid": "r1"}, {"kid": "r2"}]}), "r2"), Ok(()));
        let (made, kept) = (Duration::from_secs(1000), Duration::from_secs(306));
        let after = |seconds| check_known(made, kept, made + Duration::from_secs(seconds));
        assert!(after(300).unwrap_err().contains("another 7 s"));
        assert_eq!((after(306), after(1000)), (Ok(()), Ok(())));
        assert!(check_known(made + kept, kept, made).is_err(), "a clock that was set back");
    }
}
