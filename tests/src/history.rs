//! What many presenters of limited warrants did, and the rules that their history must obey. The rules know nothing about
//! HTTP or processes.

use std::collections::BTreeMap;

/// What a presenter learned about its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The upstream's own answer: it was executed.
    Executed,
    /// Denied, because a use was already burned.
    Replayed,
    /// Denied because no decision could be made or recorded, or no answer at all. It may have burned a use.
    Unknown,
}

/// One request with a warrant.
#[derive(Clone, Debug)]
pub struct Presentation {
    /// The request's id, which the upstream sees too.
    pub request: String,
    /// Every link of the warrant that has a limit, by name.
    pub links: Vec<String>,
    pub answer: Answer,
}

/// All presentations of a run, and the limits of all links.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub presentations: Vec<Presentation>,
    pub limits: BTreeMap<String, usize>,
}

impl History {
    /// What broke a rule, given how often each request was executed:
    ///
    /// - no request was executed twice, one that was answered as executed was, and one that was denied was not;
    /// - no link was used more often than it says;
    /// - a request was only denied as replayed if a link of its warrant had no use left.
    #[must_use]
    pub fn faults(&self, executions: &BTreeMap<String, usize>) -> Vec<String> {
        let mut faults = Vec::new();
        let mut executed: BTreeMap<&str, usize> = BTreeMap::new();
        let mut unknown: BTreeMap<&str, usize> = BTreeMap::new();
        for Presentation { request, links, answer } in &self.presentations {
            let times = executions.get(request).copied().unwrap_or(0);
            match (answer, times) {
                (Answer::Executed, 1) | (Answer::Replayed, 0) | (Answer::Unknown, 0 | 1) => {}
                (answer, times) => {
                    faults.push(format!("request {request}: {answer:?}, but {times} executions"));
                }
            }
            for link in links {
                *executed.entry(link).or_default() += times;
                *unknown.entry(link).or_default() += usize::from(*answer == Answer::Unknown && times == 0);
            }
        }
        for (link, limit) in &self.limits {
            let times = executed.get(link.as_str()).copied().unwrap_or(0);
            if times > *limit {
                faults.push(format!("{link} allows {limit} executions and had {times}"));
            }
        }
        let may_be_used_up = |link: &String| {
            let of = |counts: &BTreeMap<&str, usize>| counts.get(link.as_str()).copied().unwrap_or(0);
            self.limits.get(link).is_some_and(|limit| of(&executed) + of(&unknown) >= *limit)
        };
        for Presentation { request, links, answer } in &self.presentations {
            if *answer == Answer::Replayed && !links.iter().any(may_be_used_up) {
                faults.push(format!("request {request}: denied as replayed, with uses left of {links:?}"));
            }
        }
        faults
    }

    /// How many presentations had this answer.
    #[must_use]
    pub fn count(&self, answer: Answer) -> usize {
        self.presentations.iter().filter(|presentation| presentation.answer == answer).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root with two uses, a child of it with one, and three requests: two by the child, one by the root's holder.
    fn history(answers: [Answer; 3]) -> History {
        let links = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let presentation = |(number, answer): (usize, Answer)| Presentation {
            request: number.to_string(),
            links: if number < 2 { links(&["root", "child"]) } else { links(&["root"]) },
            answer,
        };
        History {
            presentations: answers.into_iter().enumerate().map(presentation).collect(),
            limits: BTreeMap::from([("root".to_owned(), 2), ("child".to_owned(), 1)]),
        }
    }

    fn faults(answers: [Answer; 3], times: [usize; 3]) -> Vec<String> {
        let executions = times.into_iter().enumerate().map(|(number, times)| (number.to_string(), times));
        history(answers).faults(&executions.collect())
    }

    #[test]
    fn a_history_within_the_limits_has_no_fault() {
        use Answer::{Executed, Replayed, Unknown};
        assert_eq!(faults([Executed, Replayed, Executed], [1, 0, 1]), [""; 0]);
        assert_eq!(
            faults([Unknown, Replayed, Executed], [1, 0, 1]),
            [""; 0],
            "it was executed before the kill"
        );
        assert_eq!(
            faults([Unknown, Replayed, Executed], [0, 0, 1]),
            [""; 0],
            "it burned the use and was lost"
        );
        assert_eq!(faults([Unknown, Executed, Executed], [0, 1, 1]), [""; 0], "it burned nothing");
    }

    #[test]
    fn every_broken_rule_is_a_fault() {
        use Answer::{Executed, Replayed, Unknown};
        for (answers, times, expected) in [
            ([Executed, Executed, Replayed], [1, 1, 0], "child allows 1 executions and had 2"),
            ([Unknown, Executed, Executed], [1, 1, 1], "root allows 2 executions and had 3"),
            ([Executed, Replayed, Executed], [2, 0, 1], "request 0: Executed, but 2 executions"),
            ([Executed, Replayed, Executed], [0, 0, 1], "request 0: Executed, but 0 executions"),
            ([Replayed, Executed, Executed], [1, 1, 1], "request 0: Replayed, but 1 executions"),
            ([Executed, Replayed, Replayed], [1, 0, 0], "request 2: denied as replayed, with uses left"),
        ] {
            let found = faults(answers, times);
            assert!(found.iter().any(|fault| fault.starts_with(expected)), "{expected}: {found:?}");
        }
    }
}
