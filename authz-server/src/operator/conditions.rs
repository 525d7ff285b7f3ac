//! The conditions of an object's status, in the manner of the Gateway API's policies: `Accepted`, `InForce`, `Enforced`. Each says what
//! is known, and `Unknown` where nothing is.

use serde::{Deserialize, Serialize};

use super::verdict::{Verdict, cut};

/// Of text that comes from elsewhere.
const LONGEST: usize = 1024;

/// One condition, as Kubernetes writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: String,
    #[serde(default)]
    pub observed_generation: i64,
    #[serde(default)]
    pub last_transition_time: String,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub message: String,
}

/// What a condition says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    True,
    False,
    Unknown,
}

impl Says {
    const fn word(self) -> &'static str {
        match self {
            Says::True => "True",
            Says::False => "False",
            Says::Unknown => "Unknown",
        }
    }
}

/// How far the current version of an object has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The object was refused, so that its current version is not on its way.
    Refused,
    /// It is built, and not signed yet. The text says who signs.
    Unsigned(String),
    /// It is signed and published.
    Published,
}

/// What the configured servers report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reported {
    /// The configuration names nobody whom the operator could ask.
    NotAsked,
    /// All have it.
    All(usize),
    /// These do not have it yet, each with what it says.
    Not(Vec<String>),
    /// These do not answer.
    Silent(Vec<String>),
}

/// The conditions of an object whose spec has this generation. `now` is for those that change.
pub fn conditions(
    verdict: &Verdict,
    progress: &Progress,
    in_force: &Reported,
    enforced: &Reported,
    generation: i64,
) -> Vec<Condition> {
    let accepted = if verdict.is_accepted() { Says::True } else { Says::False };
    let one = |kind: &str, (says, reason, message): (Says, &str, String)| Condition {
        kind: kind.to_owned(),
        status: says.word().to_owned(),
        observed_generation: generation,
        last_transition_time: String::new(),
        reason: reason.to_owned(),
        message,
    };
    vec![
        one("Accepted", (accepted, verdict.reason(), verdict.message())),
        one("InForce", says(progress, in_force, &IN_FORCE)),
        one("Enforced", says(progress, enforced, &ENFORCED)),
    ]
}

/// How a condition speaks of those who report.
struct Words {
    reason: &'static str,
    who: &'static str,
    done: &'static str,
    /// What lets the operator ask them.
    setting: &'static str,
}

const IN_FORCE: Words = Words {
    reason: "InForce",
    who: "servers",
    done: "has it in force",
    setting: "`servers` of its configuration names none",
};
const ENFORCED: Words = Words {
    reason: "Enforced",
    who: "proxies",
    done: "has applied it",
    setting: "it needs `api` and `tokenFile` of a server; in the chart, `operator.reports`",
};

fn says(
    progress: &Progress,
    reported: &Reported,
    Words { reason, who, done, setting }: &Words,
) -> (Says, &'static str, String) {
    match progress {
        Progress::Refused => {
            return (Says::False, "NotAccepted", "this version was not accepted".to_owned());
        }
        Progress::Unsigned(who) => return (Says::False, "NotSigned", who.clone()),
        Progress::Published => {}
    }
    // No version is named: it would be another one after each change of another object, and every status would be written again.
    let since = "it is signed and published";
    match reported {
        Reported::NotAsked => {
            (Says::Unknown, "NotAsked", format!("{since}; the operator does not ask {who}: {setting}"))
        }
        Reported::All(count) => (Says::True, reason, format!("{since}; each of {count} {who} {done}")),
        Reported::Not(which) => {
            (Says::False, "Pending", cut(&format!("{since}; not yet: {}", which.join(", ")), LONGEST))
        }
        Reported::Silent(which) => (
            Says::Unknown,
            "NoAnswer",
            cut(&format!("{since}; no answer from {}", which.join(", ")), LONGEST),
        ),
    }
}

/// These conditions with the times at which each last changed its status; `None` if nothing differs from what is written.
pub fn to_write(written: &[Condition], conditions: Vec<Condition>, now: &str) -> Option<Vec<Condition>> {
    let mut is_changed = written.len() != conditions.len();
    let mut all = Vec::with_capacity(conditions.len());
    for mut condition in conditions {
        let before = written.iter().find(|one| one.kind == condition.kind);
        let same_status =
            before.filter(|one| one.status == condition.status && !one.last_transition_time.is_empty());
        condition.last_transition_time =
            same_status.map_or_else(|| now.to_owned(), |one| one.last_transition_time.clone());
        is_changed |= before != Some(&condition);
        all.push(condition);
    }
    is_changed.then_some(all)
}

#[cfg(test)]
mod tests {
    use super::super::verdict::{Refusal, Standing};
    use super::*;

    fn words(all: &[Condition]) -> Vec<(String, String)> {
        all.iter().map(|one| (one.status.clone(), one.reason.clone())).collect()
    }

    #[test]
    fn nothing_is_said_that_is_not_known() {
        let accepted = Verdict::Accepted { warnings: Vec::new() };
        let published = Progress::Published;
        let say = |progress: &Progress, in_force: &Reported, enforced: &Reported| {
            words(&conditions(&accepted, progress, in_force, enforced, 2))
        };
        let pair = |status: &str, reason: &str| (status.to_owned(), reason.to_owned());
        let yes = pair("True", "Accepted");
        let unsigned = Progress::Unsigned("`portcullis policy sign --routes` signs it".to_owned());
        assert_eq!(
            say(&unsigned, &Reported::All(1), &Reported::All(1)),
            [yes.clone(), pair("False", "NotSigned"), pair("False", "NotSigned")]
        );
        assert_eq!(
            say(&published, &Reported::NotAsked, &Reported::NotAsked),
            [yes.clone(), pair("Unknown", "NotAsked"), pair("Unknown", "NotAsked")]
        );
        assert_eq!(
            say(&published, &Reported::All(2), &Reported::Not(vec!["p".into()])),
            [yes.clone(), pair("True", "InForce"), pair("False", "Pending")]
        );
        assert_eq!(
            say(&published, &Reported::Silent(vec!["s".into()]), &Reported::NotAsked),
            [yes, pair("Unknown", "NoAnswer"), pair("Unknown", "NotAsked")]
        );
        let refused =
            Verdict::Refused { why: Refusal::NotATeam, instead: Standing::Nothing { dropped: vec![] } };
        let all = conditions(&refused, &Progress::Refused, &Reported::All(1), &Reported::All(1), 2);
        assert_eq!(
            words(&all),
            [pair("False", "NotATeam"), pair("False", "NotAccepted"), pair("False", "NotAccepted")]
        );
    }

    #[test]
    fn a_status_is_written_only_if_it_changes_and_keeps_the_time_of_what_stays() {
        let accepted = Verdict::Accepted { warnings: Vec::new() };
        let progress = Progress::Published;
        let now = |in_force: &Reported| conditions(&accepted, &progress, in_force, &Reported::NotAsked, 2);
        let first = to_write(&[], now(&Reported::NotAsked), "T1").unwrap();
        assert!(first.iter().all(|one| one.last_transition_time == "T1"));
        assert_eq!(to_write(&first, now(&Reported::NotAsked), "T2"), None);
        let second = to_write(&first, now(&Reported::All(1)), "T2").unwrap();
        let times: Vec<&str> = second.iter().map(|one| one.last_transition_time.as_str()).collect();
        assert_eq!(times, ["T1", "T2", "T1"]);
    }
}
