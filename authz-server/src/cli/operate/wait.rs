//! `--wait`: waits until every live proxy has the fact that a command recorded, or denies everything because its statement ran
//! out.

use std::thread;
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;
use serde_json::{Value as Json, json};

use super::call::{Answer, Server, tell};
use crate::cli::out::{ExitStatus, Failure, line};

/// How often the server is asked.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A statement lives for 30 s, and one that does not have the fact yet is signed at most 5 s after it. The rest is for clocks
/// that differ.
const AT_MOST: Duration = Duration::from_secs(40);

/// A command that records a fact: the server, and whether to wait.
#[derive(Debug, ClapArgs)]
pub(super) struct FactCall {
    #[command(flatten)]
    pub(super) server: Server,
    /// Return only when every live proxy has it, or its last statement has run out, so that it denies everything. The ones that
    /// were late are printed. It takes at most 40 s; needs the permission `read-proxies`
    #[arg(long)]
    wait: bool,
}

impl FactCall {
    /// Prints what became of the call, and waits if asked to.
    pub(super) fn tell(
        &self,
        answer: Answer,
        done: impl FnOnce(&Json) -> String,
    ) -> Result<ExitStatus, Failure> {
        let json = self.server.json;
        let Answer::Done(mut entry) = answer else { return tell(answer, json, done) };
        if !self.wait {
            return tell(Answer::Done(entry), json, done);
        }
        if !json {
            line(done(&entry))?;
        }
        let waited = self.wait_for(entry.get("index").and_then(Json::as_u64).unwrap_or_default())?;
        if json {
            if let Some(members) = entry.as_object_mut() {
                members.insert("waited".to_owned(), waited.to_json());
            }
            line(entry.to_string())?;
        } else {
            waited.lines().into_iter().try_for_each(line)?;
        }
        Ok(ExitStatus::Success)
    }

    /// Waits until every proxy has the fact at this index.
    fn wait_for(&self, index: u64) -> Result<Waited, Failure> {
        let began = Instant::now();
        let mut late = Vec::new();
        loop {
            let list = self.proxies(index)?;
            let look = Look::at(&list, index);
            for one in look.ran_out {
                if !late.contains(&one) {
                    late.push(one);
                }
            }
            let is_over = began.elapsed() >= AT_MOST;
            if look.is_done || is_over {
                late.extend(look.pending);
                return Ok(Waited { proxies: look.have, late, took: began.elapsed() });
            }
            pause();
        }
    }

    fn proxies(&self, index: u64) -> Result<Json, Failure> {
        let unknown = format!("entry {index} is recorded, but it is not known which proxies have it");
        match self.server.get("/v1/proxies") {
            Ok(Answer::Done(list)) => Ok(list),
            Ok(Answer::Refused { code, says }) => Err(Failure::new(format!("{unknown}: {code}: {says}"))),
            Err(failure) => Err(failure.after(unknown)),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is another machine's condition: the server is asked for it"
)]
fn pause() {
    thread::sleep(ASK_EVERY);
}

/// A proxy that was late: its name and instance.
type Late = (String, String);

/// What the list of proxies says at one moment.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    /// How many have the fact.
    have: usize,
    /// Those that had a statement without the fact until it ran out.
    ran_out: Vec<Late>,
    /// Those that still have one.
    pending: Vec<Late>,
    is_done: bool,
}

impl Look {
    fn at(list: &Json, index: u64) -> Look {
        let number = |of: &Json, member: &str| of[member].as_u64().unwrap_or_default();
        let now = number(list, "now");
        let (mut have, mut ran_out, mut pending) = (0_usize, Vec::new(), Vec::new());
        for proxy in list["proxies"].as_array().into_iter().flatten() {
            let text = |member: &str| proxy[member].as_str().unwrap_or_default().to_owned();
            let late = (text("id"), text("instance"));
            if number(proxy, "seq").min(number(proxy, "judged")) > index {
                have = have.saturating_add(1);
            } else if number(proxy, "until") <= now {
                ran_out.push(late);
            } else {
                pending.push(late);
            }
        }
        // A proxy that this server has not heard of since its start may hold a statement from before.
        let is_complete = number(list, "complete_from") <= now;
        let is_done = pending.is_empty() && is_complete;
        Look { have, ran_out, pending, is_done }
    }
}

/// What became of the wait.
struct Waited {
    /// How many proxies have the fact.
    proxies: usize,
    late: Vec<Late>,
    took: Duration,
}

impl Waited {
    fn lines(&self) -> Vec<String> {
        let have = format!("{} proxies have it, after {:.1} s", self.proxies, self.took.as_secs_f64());
        let late = self.late.iter().map(|(id, instance)| {
            format!(
                "late: {id} {instance} did not say that it has it before its last statement ran out; without a newer one it denies \
                 everything"
            )
        });
        std::iter::once(have).chain(late).collect()
    }

    fn to_json(&self) -> Json {
        let late = self.late.iter().map(|(id, instance)| json!({"id": id, "instance": instance}));
        let took = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        json!({"proxies": self.proxies, "late": late.collect::<Vec<_>>(), "milliseconds": took})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(now: u64, proxies: &[(&str, u64, u64, u64)]) -> Json {
        let proxy = |(id, seq, judged, until): &(&str, u64, u64, u64)| json!({"id": id, "instance": "af", "seq": seq, "judged": judged, "until": until});
        json!({"now": now, "complete_from": 50, "proxies": proxies.iter().map(proxy).collect::<Vec<_>>()})
    }

    #[test]
    fn a_proxy_is_as_far_as_the_lower_of_its_two_sizes_or_has_nothing_any_more() {
        let late = |id: &str| vec![(id.to_owned(), "af".to_owned())];
        let all = [("a", 9, 9, 130), ("b", 9, 8, 130), ("c", 8, 9, 100)];
        let look = Look::at(&list(100, &all), 8);
        assert_eq!(look, Look { have: 1, ran_out: late("c"), pending: late("b"), is_done: false });
        let look = Look::at(&list(130, &all), 8);
        assert!(look.is_done && look.pending.is_empty());
        assert!(Look::at(&list(100, &all[..1]), 8).is_done);
    }

    #[test]
    fn a_server_that_has_just_started_does_not_know_all_proxies() {
        assert!(!Look::at(&list(49, &[]), 8).is_done);
        assert!(Look::at(&list(50, &[]), 8).is_done);
    }
}
