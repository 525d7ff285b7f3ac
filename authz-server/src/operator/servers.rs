//! Asks the configured servers what they have in force, and how far their proxies are. What follows from the answers is pure: they are
//! values, and nothing is concluded from silence.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hyper::header::{AUTHORIZATION, HeaderValue};
use serde::Deserialize;
use warrant::Seconds;

use super::conditions::Reported;
use super::config::{ApiOfServer, ServerConfig};
use crate::fetch::{Fetcher, Limits};

const METRICS: Limits = Limits { bytes: 4 * 1024 * 1024, time: Duration::from_secs(3) };
const PROXIES: Limits = Limits { bytes: 4 * 1024 * 1024, time: Duration::from_secs(3) };
/// How many versions are remembered with the size of the log at which a server was first seen to have them.
const VERSIONS_AT_MOST: usize = 256;

/// What one server says now.
#[derive(Clone, Debug, Default)]
pub struct ServerReport {
    pub name: String,
    /// `None` if it does not answer.
    pub in_force: Option<InForce>,
    /// `None` if it is not asked, or does not answer.
    pub proxies: Option<ProxyReport>,
    pub asks_proxies: bool,
}

/// The bundle that a server has in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    pub base: u64,
    pub routes: u64,
    /// Until when, in seconds.
    pub until: u64,
}

/// What a server says of its proxies, as its API writes it.
#[derive(Clone, Debug, Deserialize)]
pub struct ProxyReport {
    as_of: u64,
    complete_from: u64,
    now: u64,
    proxies: Vec<HeardProxy>,
}

#[derive(Clone, Debug, Deserialize)]
struct HeardProxy {
    id: String,
    /// The size of the log that it has applied.
    seq: u64,
    until: u64,
}

/// What was seen of the servers until now.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    reports: Vec<ServerReport>,
    /// By server: for each pair of versions the size of the log at which the server was first seen to have it.
    from: BTreeMap<String, BTreeMap<(u64, u64), u64>>,
}

impl Seen {
    pub fn note(&mut self, reports: Vec<ServerReport>) {
        for report in &reports {
            let (Some(in_force), Some(proxies)) = (report.in_force, &report.proxies) else { continue };
            let from = self.from.entry(report.name.clone()).or_default();
            from.entry((in_force.base, in_force.routes)).or_insert(proxies.as_of);
            while from.len() > VERSIONS_AT_MOST {
                from.pop_first();
            }
        }
        self.reports = reports;
    }

    /// The highest version of routes over this base that a server has. What is far in the future is not a version that was ever signed.
    pub fn newest_routes(&self, base: u64, now: Seconds) -> Option<u64> {
        const FAR: u64 = 366 * 86_400;
        let in_force = self.reports.iter().filter_map(|report| report.in_force);
        let routes = in_force.filter(|it| it.base == base).map(|it| it.routes);
        routes.filter(|routes| *routes <= now.get().saturating_add(FAR)).max()
    }

    /// Whether every server has these routes, or later ones over the same base, in force.
    pub fn in_force(&self, base: u64, routes: u64, now: Seconds) -> Reported {
        let (mut not, mut silent) = (Vec::new(), Vec::new());
        for report in &self.reports {
            match report.in_force {
                None => silent.push(report.name.clone()),
                Some(it) if it.until <= now.get() => {
                    not.push(format!(
                        "{} (nothing is in force: its note or its bundle has run out)",
                        report.name
                    ));
                }
                Some(it) if it.base == base && it.routes >= routes => {}
                Some(it) => {
                    not.push(format!("{} (it has base {} with routes {})", report.name, it.base, it.routes))
                }
            }
        }
        match (self.reports.is_empty(), not.is_empty(), silent.is_empty()) {
            (true, _, _) => Reported::NotAsked,
            (false, false, _) => Reported::Not(not),
            (false, true, false) => Reported::Silent(silent),
            (false, true, true) => Reported::All(self.reports.len()),
        }
    }

    /// Whether every one of these proxies has applied what a server said after it had these routes in force.
    pub fn enforced(&self, base: u64, routes: u64, proxies: &BTreeSet<String>, now: Seconds) -> Reported {
        let asked: Vec<&ServerReport> = self.reports.iter().filter(|report| report.asks_proxies).collect();
        if asked.is_empty() {
            return Reported::NotAsked;
        }
        match self.in_force(base, routes, now) {
            Reported::All(_) => {}
            Reported::NotAsked => return Reported::NotAsked,
            Reported::Not(which) => return Reported::Not(which),
            Reported::Silent(which) => return Reported::Silent(which),
        }
        let silent: Vec<String> =
            asked.iter().filter(|one| one.proxies.is_none()).map(|one| one.name.clone()).collect();
        if !silent.is_empty() {
            return Reported::Silent(silent);
        }
        if proxies.is_empty() {
            return Reported::Not(vec!["no proxy serves its hosts".to_owned()]);
        }
        let mut not = Vec::new();
        for report in &asked {
            if report.proxies.as_ref().is_some_and(|list| list.now < list.complete_from) {
                not.push(format!(
                    "{} (it has started just now, and not every proxy has asked it yet)",
                    report.name
                ));
            }
        }
        for proxy in proxies {
            let (mut is_heard, mut is_behind) = (false, false);
            for report in &asked {
                let Some(list) = &report.proxies else { continue };
                let from = self.from.get(&report.name);
                let from = from.and_then(|from| from.range((base, routes)..=(base, u64::MAX)).next());
                for instance in list.proxies.iter().filter(|one| one.id == *proxy && one.until > list.now) {
                    is_heard = true;
                    is_behind |= from.is_none_or(|(_, size)| instance.seq < *size);
                }
            }
            match (is_heard, is_behind) {
                (true, false) => {}
                (true, true) => not.push(format!("{proxy} (an instance is behind)")),
                (false, _) => not.push(format!("{proxy} (nothing was heard of it)")),
            }
        }
        match not.is_empty() {
            true => Reported::All(proxies.len()),
            false => Reported::Not(not),
        }
    }
}

/// Asks all servers at once.
pub async fn ask(fetcher: &Fetcher, servers: &[ServerConfig]) -> Vec<ServerReport> {
    let mut asked = tokio::task::JoinSet::new();
    for (position, server) in servers.iter().cloned().enumerate() {
        let fetcher = fetcher.clone();
        asked.spawn(async move { (position, one(&fetcher, &server).await) });
    }
    let mut all = BTreeMap::new();
    while let Some(ended) = asked.join_next().await {
        if let Ok((position, report)) = ended {
            all.insert(position, report);
        }
    }
    all.into_values().collect()
}

async fn one(fetcher: &Fetcher, server: &ServerConfig) -> ServerReport {
    let url = format!("{}/metrics", server.health);
    let fetched = fetcher.get(&url, &[], METRICS).await.ok().filter(|fetched| fetched.status == 200);
    let in_force = fetched.and_then(|fetched| in_metrics(&String::from_utf8_lossy(&fetched.body)));
    let proxies = match &server.api {
        None => None,
        Some(api) => proxies(fetcher, api).await,
    };
    ServerReport { name: server.name.clone(), in_force, proxies, asks_proxies: server.api.is_some() }
}

async fn proxies(fetcher: &Fetcher, api: &ApiOfServer) -> Option<ProxyReport> {
    let file = api.token_file.clone();
    let token = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await.ok()?.ok()?;
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.trim())).ok()?;
    bearer.set_sensitive(true);
    let url = format!("{}/v1/proxies", api.url);
    let fetched = fetcher.get(&url, &[(AUTHORIZATION, bearer)], PROXIES).await.ok()?;
    if fetched.status == 200 { serde_json::from_slice(&fetched.body).ok() } else { None }
}

/// What a server's metrics say of its bundle.
fn in_metrics(text: &str) -> Option<InForce> {
    let gauge = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        value.split(' ').next()?.parse::<u64>().ok()
    };
    Some(InForce {
        base: gauge("portcullis_bundle_version")?,
        routes: gauge("portcullis_bundle_routes_version")?,
        until: gauge("portcullis_bundle_in_force_until_seconds")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Seconds = Seconds::new(100);

    fn report(
        name: &str,
        in_force: Option<(u64, u64)>,
        proxies: Option<(u64, &[(&str, u64)])>,
    ) -> ServerReport {
        let proxies = proxies.map(|(as_of, proxies)| ProxyReport {
            as_of,
            complete_from: 50,
            now: 100,
            proxies: proxies
                .iter()
                .map(|(id, seq)| HeardProxy { id: (*id).into(), seq: *seq, until: 200 })
                .collect(),
        });
        ServerReport {
            name: name.into(),
            in_force: in_force.map(|(base, routes)| InForce { base, routes, until: 200 }),
            asks_proxies: true,
            proxies,
        }
    }

    fn seen(reports: Vec<Vec<ServerReport>>) -> Seen {
        let mut seen = Seen::default();
        reports.into_iter().for_each(|reports| seen.note(reports));
        seen
    }

    #[test]
    fn metrics_of_a_server_are_read() {
        let text = "# HELP portcullis_bundle_version The version\nportcullis_bundle_version 3\nportcullis_bundle_routes_version 17\nportcullis_bundle_in_force_until_seconds 200\n# EOF\n";
        assert_eq!(in_metrics(text), Some(InForce { base: 3, routes: 17, until: 200 }));
        assert_eq!(in_metrics("portcullis_bundle_version 3\n"), None);
    }

    #[test]
    fn in_force_is_what_every_server_says_and_silence_is_not_an_answer() {
        let all = |reports| seen(vec![reports]).in_force(3, 17, NOW);
        assert_eq!(all(vec![]), Reported::NotAsked);
        assert_eq!(
            all(vec![report("a", Some((3, 17)), None), report("b", Some((3, 18)), None)]),
            Reported::All(2)
        );
        assert!(matches!(
            all(vec![report("a", Some((3, 17)), None), report("b", Some((3, 16)), None)]),
            Reported::Not(_)
        ));
        assert!(matches!(all(vec![report("a", Some((2, 99)), None)]), Reported::Not(_)), "over another base");
        assert_eq!(
            all(vec![report("a", Some((3, 17)), None), report("b", None, None)]),
            Reported::Silent(vec!["b".into()])
        );
        let mut old = report("a", Some((3, 17)), None);
        old.in_force.as_mut().unwrap().until = 100;
        assert!(matches!(all(vec![old]), Reported::Not(_)), "its note has run out");
    }

    #[test]
    fn enforced_is_what_every_proxy_applied_after_its_server_had_it() {
        let proxies = |all: &[&str]| all.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        let ask = |seen: &Seen, all: &[&str]| seen.enforced(3, 17, &proxies(all), NOW);
        let before = vec![report("a", Some((3, 17)), Some((50, &[("p", 49), ("q", 60)])))];
        let seen_before = seen(vec![before.clone()]);
        assert!(matches!(ask(&seen_before, &["p"]), Reported::Not(_)), "it has not applied entry 50 yet");
        assert_eq!(ask(&seen_before, &["q"]), Reported::All(1));
        assert!(matches!(ask(&seen_before, &["p", "q"]), Reported::Not(_)));
        assert!(matches!(ask(&seen_before, &["r"]), Reported::Not(_)), "nothing was heard of it");
        let after = vec![report("a", Some((3, 18)), Some((70, &[("p", 50), ("q", 60)])))];
        assert_eq!(ask(&seen(vec![before, after.clone()]), &["p", "q"]), Reported::All(2));
        assert!(matches!(ask(&seen(vec![after]), &["p", "q"]), Reported::Not(_)), "from when is not known");
        let silent = vec![report("a", Some((3, 17)), None)];
        assert_eq!(ask(&seen(vec![silent]), &["p"]), Reported::Silent(vec!["a".into()]));
        let mut not_asked = report("a", Some((3, 17)), None);
        not_asked.asks_proxies = false;
        assert_eq!(ask(&seen(vec![vec![not_asked]]), &["p"]), Reported::NotAsked);
    }
}
