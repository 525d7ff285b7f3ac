//! A limit on chains whose signatures must be verified: each costs many times what a known one costs. Nobody can use more than a
//! quarter of it alone. This module reads no clock.

use std::collections::HashMap;

use warrant::Seconds;

/// So many chains are verified in a second, in one VM.
const IN_ALL: u32 = 4_000;
/// So many of them may come from one address.
const FROM_ONE: u32 = IN_ALL / 4;

/// The chains that were verified in this second.
#[derive(Debug, Default)]
pub(crate) struct NewChains {
    second: Seconds,
    in_all: u32,
    /// By address.
    from: HashMap<Box<[u8]>, u32>,
}

impl NewChains {
    /// Counts one more, from an address with or without a port. Returns whether it may be verified.
    pub(crate) fn count(&mut self, now: Seconds, source: &[u8]) -> bool {
        if now != self.second {
            *self = Self { second: now, ..Self::default() };
        }
        let from_one = self.from.get(address(source)).copied().unwrap_or_default();
        let may = self.in_all < IN_ALL && from_one < FROM_ONE;
        if may {
            self.in_all = self.in_all.saturating_add(1);
            self.from.insert(address(source).into(), from_one.saturating_add(1));
        }
        may
    }
}

/// The address without the port.
fn address(source: &[u8]) -> &[u8] {
    let end = source.iter().rposition(|byte| *byte == b':').unwrap_or(source.len());
    source.get(..end).unwrap_or(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_gets_a_quarter_and_the_next_second_begins_anew() {
        let mut chains = NewChains::default();
        let now = Seconds::new(1_800_000_000);
        let mut counted = |now, source: &str| {
            let sources = (0..2 * IN_ALL).map(|port| format!("{source}:{port}"));
            sources.filter(|source| chains.count(now, source.as_bytes())).count()
        };
        let quarter = usize::try_from(FROM_ONE).unwrap();
        for source in ["10.0.0.1", "10.0.0.2", "[fd00::1]", "10.0.0.4"] {
            assert_eq!(counted(now, source), quarter, "{source}");
        }
        assert_eq!(counted(now, "10.0.0.5"), 0, "all are used");
        assert_eq!(counted(now.plus(1), "10.0.0.1"), quarter);
    }
}
