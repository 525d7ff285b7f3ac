//! The proxies that ask for statements: what each instance last said of itself. A bounded table in memory; after a start it
//! fills again within a few seconds. It decides nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;
use warrant::{Digest, Seconds};

use super::LIFETIME_SECONDS;

/// How many instances are remembered.
const INSTANCES_AT_MOST: usize = 4096;
/// How many of them may be of one identity.
const INSTANCES_OF_ONE: usize = INSTANCES_AT_MOST / 4;

/// How long an instance is remembered after it asked last, in milliseconds.
const FORGOTTEN_AFTER: u64 = 3_600_000;

/// One process of a proxy: a proxy identity may have many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instance([u8; 8]);

impl Instance {
    /// Reads 16 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Instance> {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_it = text.len() == 16 && text.bytes().all(is_hex);
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_it)?;
        Some(Instance(number.to_be_bytes()))
    }
}

impl std::fmt::Display for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// What an instance says of itself with each poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyReport {
    pub instance: Instance,
    /// The lowest size of the ledger that one of its VMs has applied.
    pub seq: u64,
    /// Up to where live forwards had been judged again, in the statement that it holds.
    pub judged: u64,
    /// The filter's module.
    pub module: Digest,
    /// The filter's configuration.
    pub configuration: Digest,
    /// The keys whose statements it takes: of each the digest that [`warrant::statement::pin`] makes. Empty if it does not say.
    pub pins: Vec<Digest>,
}

/// An instance that was heard of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeardProxy {
    /// The proxy's identity, as the bundle names it.
    pub id: String,
    /// One process of it.
    #[schema(pattern = "^[0-9a-f]{16}$")]
    pub instance: String,
    /// The size of the log that all of its VMs have applied.
    pub seq: u64,
    /// The size of the log up to which running forwards had been judged again, in the statement that it holds.
    pub judged: u64,
    /// The filter's module.
    #[schema(value_type = crate::schema::Digest)]
    pub module: Digest,
    /// The filter's configuration.
    #[schema(value_type = crate::schema::Digest)]
    pub configuration: Digest,
    /// The keys whose statements it takes, as it writes them.
    pub pins: Vec<String>,
    /// The name of the key that signed the last statement that it was sent.
    pub key: Option<String>,
    /// When it asked last, in milliseconds.
    pub heard: u64,
    /// When the last statement runs out that it was sent, in seconds. After that it denies everything. 0: it was sent none.
    pub until: u64,
}

/// The instances that were heard of. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct HeardProxies {
    heard: Arc<Mutex<Heard>>,
    complete_from: Seconds,
}

/// By the proxy's identity and the instance.
type Heard = BTreeMap<(String, Instance), Row>;

#[derive(Clone, Debug)]
struct Row {
    report: ProxyReport,
    heard: u64,
    until: Seconds,
    key: Option<String>,
}

impl HeardProxies {
    /// A list that begins at a start at this time. Until the last statement of the server before has run out, a proxy may hold
    /// one and not be in the list.
    pub fn after_another_server(start: Seconds) -> HeardProxies {
        HeardProxies { complete_from: start.plus(LIFETIME_SECONDS), ..HeardProxies::default() }
    }

    /// From this time on, every proxy that holds a statement is in the list.
    pub fn complete_from(&self) -> Seconds {
        self.complete_from
    }

    /// Notes what an instance says, at this time in milliseconds. Returns how many instances are remembered.
    pub fn note(&self, id: &str, report: ProxyReport, now: u64) -> usize {
        let mut heard = self.heard();
        let key = (id.to_owned(), report.instance);
        if !heard.contains_key(&key) {
            heard.retain(|_, row| now.saturating_sub(row.heard) < FORGOTTEN_AFTER);
            let own = heard.keys().filter(|(own, _)| own == id).count();
            if heard.len() >= INSTANCES_AT_MOST || own >= INSTANCES_OF_ONE {
                forget_one(&mut heard, id);
            }
        }
        let before = heard.remove(&key);
        let (until, signed_by) = before.map_or((Seconds::new(0), None), |row| (row.until, row.key));
        heard.insert(key, Row { report, heard: now, until, key: signed_by });
        heard.len()
    }

    /// Notes that an instance is sent a statement that runs out then, by the key of this name.
    pub fn note_sent(&self, id: &str, instance: Instance, until: Seconds, key: &str) {
        if let Some(row) = self.heard().get_mut(&(id.to_owned(), instance)) {
            row.until = row.until.max(until);
            row.key = Some(key.to_owned());
        }
    }

    /// Whether every proxy that may hold a statement at this time takes those of the key with this pin.
    pub fn all_pin(&self, pin: Digest, now: Seconds) -> bool {
        let is_live = |row: &Row| row.until.max(Seconds::new(row.heard / 1000).plus(LIFETIME_SECONDS)) > now;
        let heard = self.heard();
        now >= self.complete_from
            && heard.values().filter(|row| is_live(row)).all(|row| row.report.pins.contains(&pin))
    }

    /// All of them, sorted by identity and instance.
    pub fn all(&self) -> Vec<HeardProxy> {
        let shown = |((id, instance), row): (&(String, Instance), &Row)| HeardProxy {
            id: id.clone(),
            instance: instance.to_string(),
            seq: row.report.seq,
            judged: row.report.judged,
            module: row.report.module,
            configuration: row.report.configuration,
            pins: row.report.pins.iter().map(|pin| pin.to_base64url()).collect(),
            key: row.key.clone(),
            heard: row.heard,
            until: row.until.get(),
        };
        self.heard().iter().map(shown).collect()
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        // Only complete values are stored under this lock.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the instance whose statement ran out first, of this identity, or of any if it has few: so one proxy that invents
/// instances makes nobody else unknown.
fn forget_one(heard: &mut Heard, id: &str) {
    let own = heard.keys().filter(|(own, _)| own == id).count();
    let of_it = heard.iter().filter(|((other, _), _)| own < INSTANCES_OF_ONE || other == id);
    let first = of_it.min_by_key(|(_, row)| (row.until, row.heard)).map(|(key, _)| key.clone());
    if let Some(key) = first {
        heard.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_230_579_000;

    fn report(instance: u64, seq: u64) -> ProxyReport {
        let digest = Digest::of(b"d");
        let instance = Instance(instance.to_be_bytes());
        ProxyReport { instance, seq, judged: seq, module: digest, configuration: digest, pins: Vec::new() }
    }

    fn ids(heard: &HeardProxies) -> Vec<(String, u64)> {
        heard.all().into_iter().map(|proxy| (proxy.id, proxy.seq)).collect()
    }

    #[test]
    fn an_instance_is_16_hexadecimal_digits() {
        assert_eq!(Instance::parse("00000000000000af").unwrap().to_string(), "00000000000000af");
        for other in
            ["", "af", "00000000000000AF", "00000000000000ag", "+0000000000000af", "000000000000000af"]
        {
            assert_eq!(Instance::parse(other), None, "{other}");
        }
    }

    #[test]
    fn the_newest_report_of_each_instance_is_kept_for_an_hour() {
        let heard = HeardProxies::default();
        assert_eq!(heard.note("edge", report(1, 5), NOW), 1);
        heard.note_sent("edge", Instance(1_u64.to_be_bytes()), Seconds::new(NOW / 1000 + 30), "s1");
        heard.note("edge", report(2, 6), NOW + 1);
        assert_eq!(heard.note("edge", report(1, 7), NOW + 2), 2);
        assert_eq!(ids(&heard), [("edge".to_owned(), 7), ("edge".to_owned(), 6)]);
        assert_eq!(heard.all().iter().map(|one| one.until).collect::<Vec<_>>(), [NOW / 1000 + 30, 0]);
        assert_eq!(heard.all().iter().map(|one| one.key.as_deref()).collect::<Vec<_>>(), [Some("s1"), None]);
        heard.note("other", report(3, 8), NOW + 1 + FORGOTTEN_AFTER);
        assert_eq!(ids(&heard), [("edge".to_owned(), 7), ("other".to_owned(), 8)]);
    }

    #[test]
    fn a_key_is_pinned_by_all_only_when_everybody_who_may_hold_a_statement_says_so() {
        let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
        let with = |instance, pins: &[Digest]| ProxyReport { pins: pins.to_vec(), ..report(instance, 1) };
        let now = Seconds::new(NOW / 1000);
        let heard = HeardProxies::after_another_server(now);
        heard.note("a", with(1, &[old, new]), NOW);
        assert!(!heard.all_pin(new, now.plus(29)), "there may be proxies of the server before");
        assert!(heard.all_pin(new, now.plus(30)));
        heard.note("a", with(2, &[old]), NOW + 20_000);
        assert!(!heard.all_pin(new, now.plus(30)) && heard.all_pin(old, now.plus(30)));
        heard.note_sent("a", Instance(2_u64.to_be_bytes()), now.plus(60), "s1");
        assert!(!heard.all_pin(new, now.plus(59)), "it holds a statement");
        assert!(heard.all_pin(new, now.plus(60)), "it denies everything");
        heard.note("b", with(3, &[]), NOW + 60_000);
        assert!(!heard.all_pin(new, now.plus(60)), "an older filter does not say what it pins");
    }

    #[test]
    fn a_proxy_that_invents_instances_makes_no_other_unknown() {
        let heard = HeardProxies::default();
        heard.note("quiet", report(1, 1), NOW);
        for instance in 0..10_000 {
            heard.note("loud", report(instance, 2), NOW + 1 + instance);
        }
        let all = heard.all();
        assert_eq!(all.len(), INSTANCES_OF_ONE + 1);
        assert!(all.iter().any(|proxy| proxy.id == "quiet"));
        assert!(all.iter().any(|proxy| proxy.instance == format!("{:016x}", 9999)), "the newest is there");
    }
}
