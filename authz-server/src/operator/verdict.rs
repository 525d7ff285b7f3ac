//! What became of an object in a build, in the words that its author reads.

use policy::authoring::ObjectFault;

use super::quota::Counted;

/// How long a message is at most. Kubernetes takes eight times as much; nobody reads it.
const LONGEST: usize = 4096;
/// How many faults, or parts of a match, are told.
const MOST_TOLD: usize = 8;
/// How long one of them is at most.
const LONGEST_LINE: usize = 600;

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the bundle as it is now.
    Accepted { warnings: Vec<String> },
    /// It is not.
    Refused { why: Refusal, instead: Standing },
}

/// Why an object is not in the bundle as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It cannot be built: its own fault, or it collides with another route.
    Invalid(Vec<ObjectFault>),
    /// It can be built, and a test of its team fails.
    TestsFailed(Vec<ObjectFault>),
    /// Its namespace is not a team of the base.
    NotATeam,
    /// Its namespace is the platform team, whose routes are signed offline.
    OfThePlatform,
    /// Its namespace, or the cluster, has as much as it may have.
    OverQuota { counted: Counted, most: usize, of_cluster: bool },
}

/// What is in the bundle for an object that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The version that was signed last.
    LastSigned,
    /// The same without its tests, which fail over the base of today.
    LastSignedWithoutTests,
    /// Nothing may pass on this part of its match.
    Closed {
        closed: Vec<String>,
        dropped: Vec<String>,
    },
    Nothing {
        dropped: Vec<String>,
    },
}

impl Verdict {
    pub fn is_accepted(&self) -> bool {
        matches!(self, Verdict::Accepted { .. })
    }

    /// One word for programs, the `reason` of the condition.
    pub fn reason(&self) -> &'static str {
        match self {
            Verdict::Accepted { .. } => "Accepted",
            Verdict::Refused { why, .. } => why.reason(),
        }
    }

    /// For people.
    pub fn message(&self) -> String {
        match self {
            Verdict::Accepted { warnings } if warnings.is_empty() => {
                "it builds, and its tests pass".to_owned()
            }
            Verdict::Accepted { warnings } => {
                bounded(&format!("it builds, and its tests pass; {}", told(warnings)))
            }
            Verdict::Refused { why, instead } => {
                bounded(&format!("{}\n{}", why.message(), instead.message()))
            }
        }
    }
}

impl Refusal {
    pub fn reason(&self) -> &'static str {
        match self {
            Refusal::Invalid(_) => "Invalid",
            Refusal::TestsFailed(_) => "TestsFailed",
            Refusal::NotATeam => "NotATeam",
            Refusal::OfThePlatform => "OfThePlatform",
            Refusal::OverQuota { .. } => "OverQuota",
        }
    }

    /// What is wrong and what to do, without what stands instead.
    pub fn message(&self) -> String {
        match self {
            Refusal::Invalid(faults) | Refusal::TestsFailed(faults) => {
                told(&faults.iter().map(ToString::to_string).collect::<Vec<_>>())
            }
            Refusal::NotATeam => "this namespace is not a team of the signed base; ask the platform team to add a team of this name with its ground, or use the namespace of your team".to_owned(),
            Refusal::OfThePlatform => "this namespace is the platform team, whose routes are signed offline; write the route into a file of the base, or into the namespace of another team".to_owned(),
            Refusal::OverQuota { counted, most, of_cluster } => over_quota(*counted, *most, *of_cluster),
        }
    }
}

fn over_quota(counted: Counted, most: usize, of_cluster: bool) -> String {
    let who = if of_cluster { "the cluster" } else { "this namespace" };
    let (what, instead) = match (counted, of_cluster) {
        (Counted::Routes, false) => {
            ("routes", "remove one, or ask the platform team for more (routesPerNamespace)")
        }
        (Counted::Routes, true) => ("routes", "ask the platform team for more (limits.routes)"),
        (Counted::Bytes, _) => ("bytes of routes", "shorten or remove one"),
        (Counted::Kept, _) => ("bytes of routes, compressed", "shorten or remove one, or shorten its tests"),
        (Counted::Cases, _) => ("test cases", "remove some of them"),
    };
    format!("with it {who} would have more than {most} {what}, which is the maximum; {instead}")
}

impl Standing {
    fn message(&self) -> String {
        match self {
            Standing::LastSigned => "The version that was signed last stays.".to_owned(),
            Standing::LastSignedWithoutTests => {
                "The version that was signed last stays, without its tests: they fail over the base of today."
                    .to_owned()
            }
            Standing::Closed { closed, dropped } if dropped.is_empty() => {
                format!("Until it is accepted, nothing may pass on {}.", told(closed))
            }
            Standing::Closed { closed, dropped } => format!(
                "Until it is accepted, nothing may pass on {}. It closes nothing else: {}",
                told(closed),
                told(dropped)
            ),
            Standing::Nothing { dropped } if dropped.is_empty() => "It has no effect.".to_owned(),
            Standing::Nothing { dropped } => format!("It has no effect: {}", told(dropped)),
        }
    }
}

/// The first of these, and how many more there are.
pub fn told(all: &[String]) -> String {
    let mut told: Vec<String> = all.iter().take(MOST_TOLD).map(|one| cut(one, LONGEST_LINE)).collect();
    if let Some(more) = all.len().checked_sub(MOST_TOLD).filter(|more| *more > 0) {
        told.push(format!("and {more} more"));
    }
    told.join("\n")
}

fn bounded(text: &str) -> String {
    cut(text, LONGEST)
}

/// At most this many bytes, cut between two letters.
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end =
        (0..=most.saturating_sub('…'.len_utf8())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_bounded_whatever_is_in_the_object() {
        let fault = ObjectFault { path: "spec".into(), what: "ö".repeat(100_000), instead: "x".into() };
        let why = Refusal::Invalid(vec![fault; 500]);
        let dropped = vec!["y".repeat(10_000); 1000];
        let instead = Standing::Closed { closed: dropped.clone(), dropped };
        let message = Verdict::Refused { why, instead }.message();
        assert!(message.len() <= LONGEST && message.contains('…'), "{}", message.len());
        assert!(told(&vec!["z".to_owned(); 9]).ends_with("and 1 more"));
        assert_eq!(cut("äää", 5), "ä…");
    }
}
