//! The limits of a grant, as the annotations of a permit write them.

use std::collections::BTreeMap;

use crate::documents::issuance::GrantLimits;
use crate::documents::{scalars, times};

/// The annotations that only these policies have.
pub(super) const ANNOTATIONS: &[&str] = &[GRANT, "lifetime", "use", "depth"];

/// The annotation that names the grant.
pub(super) const GRANT: &str = "grant";

/// A chain has at most eight links, so it is delegated at most seven times.
const DEEPEST: u64 = 7;

/// What is wrong with the annotations of a permit, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LimitFault {
    pub(super) what: String,
    pub(super) instead: &'static str,
}

impl GrantLimits {
    /// Reads the limits of a permit, or says everything that is wrong with them. No lifetime is longer than `longest`.
    pub(super) fn read(
        annotations: &BTreeMap<String, String>,
        longest: Option<u64>,
    ) -> Result<Self, Vec<LimitFault>> {
        let mut faults = Vec::new();
        let mut need = |name: &str, instead, read: &dyn Fn(&str) -> Option<u64>| {
            let written = annotations.get(name);
            let value = written.and_then(|text| read(text));
            if value.is_none() {
                let what = match written {
                    Some(text) => format!("`@{name}(\"{text}\")` is not a limit"),
                    None => format!("a permit without `@{name}`"),
                };
                faults.push(LimitFault { what, instead });
            }
            value.unwrap_or_default()
        };
        let lifetime = need("lifetime", LIFETIME, &|text| {
            times::seconds(text).filter(|seconds| longest.is_none_or(|longest| *seconds <= longest))
        });
        let uses = need("use", USE, &|text| match text {
            UNLIMITED => Some(0),
            number => scalars::positive_number(number, 10).filter(|uses| *uses <= MOST_USES),
        });
        let depth = need("depth", DEPTH, &|text| match text {
            "0" => Some(0),
            number => scalars::positive_number(number, 1).filter(|depth| *depth <= DEEPEST),
        });
        if !faults.is_empty() {
            return Err(faults);
        }
        let uses = u32::try_from(uses).ok().filter(|uses| *uses > 0);
        Ok(Self { lifetime, uses, depth })
    }
}

/// Any number of uses, said aloud.
const UNLIMITED: &str = "unlimited";
const MOST_USES: u64 = 0x7fff_ffff;

const LIFETIME: &str =
    "write `@lifetime(\"60s\")`: a whole number and `s`, `m` or `h`, at most `maxLifetime` of the mesh";
const USE: &str = "write `@use(\"1\")`: how often each warrant may be used, or `unlimited`";
const DEPTH: &str = "write `@depth(\"0\")`: how often a warrant may be delegated, from 0 to 7";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(limits: [(&str, &str); 3]) -> Result<GrantLimits, Vec<LimitFault>> {
        let written = limits.iter().filter(|(_, text)| !text.is_empty());
        let all = written.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        GrantLimits::read(&all, Some(3600))
    }

    #[test]
    fn each_limit_must_be_there_and_be_one() {
        let good = read([("lifetime", "60s"), ("use", "1"), ("depth", "0")]).unwrap();
        assert_eq!(good, GrantLimits { lifetime: 60, uses: Some(1), depth: 0 });
        let any = read([("lifetime", "1h"), ("use", "unlimited"), ("depth", "7")]).unwrap();
        assert_eq!(any, GrantLimits { lifetime: 3600, uses: None, depth: 7 });
        for (lifetime, uses, depth, faults) in [
            ("", "1", "0", 1),
            ("60", "1", "0", 1),
            ("2h", "1", "0", 1),
            ("60s", "0", "0", 1),
            ("60s", "", "", 2),
            ("60s", "01", "8", 2),
            ("60s", "any", "-1", 2),
            ("60s", "2147483648", "00", 2),
            ("", "", "", 3),
        ] {
            let found = read([("lifetime", lifetime), ("use", uses), ("depth", depth)]).unwrap_err();
            assert_eq!(found.len(), faults, "{lifetime} {uses} {depth}");
        }
    }

    #[test]
    fn of_two_limits_the_stricter_one_holds() {
        let one = GrantLimits { lifetime: 60, uses: None, depth: 3 };
        let two = GrantLimits { lifetime: 90, uses: Some(5), depth: 1 };
        let both = GrantLimits { lifetime: 60, uses: Some(5), depth: 1 };
        assert_eq!((one.and(two), two.and(one)), (both, both));
    }
}
