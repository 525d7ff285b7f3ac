//! The values of the chart that a home directory knows, and those that only the owner of the cluster knows. The second kind is left out
//! and named: the chart refuses to install without it, where a placeholder would be taken for a value.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value, json};
use warrant::Seconds;

use super::first_home::FirstHome;
use crate::keys;

/// The default of the chart's `ledger.firstWithinHours`, and the most that it takes.
const FIRST_WITHIN_HOURS: u64 = 24;
pub(super) const HOURS_AT_MOST: u64 = 168;

/// Values that somebody must add.
pub(super) struct Missing {
    pub(super) why: String,
    /// An example, as it is written.
    pub(super) yaml: Vec<String>,
}

/// For how long the chart takes a first ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TakenWithin {
    /// The `ledger.firstWithinHours` that it needs.
    pub(super) hours: u64,
    /// When it ends, in seconds.
    pub(super) until: u64,
}

impl TakenWithin {
    /// `created` is in milliseconds, as the ledger has it. A ledger that the chart's default does not take gets another day. `None` if the
    /// chart takes it in no case.
    pub(super) fn of(created: u64, now: Seconds) -> Option<TakenWithin> {
        let created = created / 1000;
        let age = now.get().saturating_sub(created) / 3600;
        let hours = if age < FIRST_WITHIN_HOURS {
            FIRST_WITHIN_HOURS
        } else {
            age.saturating_add(24).min(HOURS_AT_MOST)
        };
        let until = created.saturating_add(hours.saturating_mul(3600));
        (age < HOURS_AT_MOST).then_some(TakenWithin { hours, until })
    }

    /// Whether the chart takes it without being told.
    pub(super) fn is_default(self) -> bool {
        self.hours == FIRST_WITHIN_HOURS
    }
}

/// What the chart needs and a home directory does not know.
pub(super) fn missing(home: &FirstHome) -> Vec<Missing> {
    let of = |why: &str, yaml: &[&str]| Missing {
        why: why.to_owned(),
        yaml: yaml.iter().map(|&text| text.to_owned()).collect(),
    };
    let mut all = vec![
        of(
            "the image of the server, by digest",
            &["image: {repository: registry.example/portcullis, digest: \"sha256:…\"}"],
        ),
        of(
            "the module of gate and seal, by digest",
            &["filters: {module: {image: \"registry.example/portcullis-gate@sha256:…\"}}"],
        ),
        of(
            "the proxies that are guarded: here, or in envoyGateway.guarded. Without the server they deny everything: for a service that is live, \
             add them with `helm upgrade` when the server is ready (docs/istio.md)",
            &[
                "istio:",
                "  guarded:",
                "    - {name: pay, namespace: shop, kind: sidecar, selector: {app: pay}}",
            ],
        ),
    ];
    if home.settings.authority.is_some() {
        all.push(of(
            "the certificate of the API, at which agents get their warrants. With it the API is not a socket any more: name operators in operators.cedar",
            &["api: {tlsSecretName: portcullis-api-tls}"],
        ));
    }
    let hosts = home.hosts_outside();
    if !hosts.is_empty() {
        let hosts: Vec<String> = hosts.into_iter().collect();
        all.push(of(
            &format!(
                "where these hosts are, for the NetworkPolicy, which lets the server reach nothing else: {}",
                hosts.join(", ")
            ),
            &["networkPolicy:", "  egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}], ports: [{port: 443}]}]"],
        ));
    }
    if only(&home.trust_domains()).is_none() {
        let domains: Vec<&str> = home.trust_domains().into_iter().collect();
        all.push(Missing {
            why: format!(
                "the trust domain of the server. The proxies of the bundle are in {}",
                domains.join(" and ")
            ),
            yaml: domains.first().map(|domain| trust_domain(domain)).into_iter().collect(),
        });
    }
    all
}

/// The text of `values.yaml`. Everything in it is public.
pub(super) fn text(home: &FirstHome, missing: &[Missing]) -> String {
    let mut text = String::from(
        "# The values of the chart that the home directory knows. Made by `portcullis kubernetes`, which writes this file again: put your own values\n\
         # into another file, and give both to helm. Still missing, with examples:\n",
    );
    for missing in missing {
        let _ = writeln!(text, "#\n# {}", missing.why);
        for line in &missing.yaml {
            let _ = writeln!(text, "#   {line}");
        }
    }
    let settings = &home.settings;
    let statement = home.keys.statement();
    let _ = write!(
        text,
        "mesh:\n  audience: {}\n  logOrigin: {}\n  # The member \"y\" is quoted: YAML reads a bare y as true.\n  statementKeys:\n    - {}\n",
        json!(settings.audience),
        json!(home.ledger.origin()),
        keys::listed_jwk(&statement.kid, &statement.key),
    );
    text.push_str(
        "server:\n  bundle:\n    # Who may sign bundles. The private halves never enter the cluster.\n",
    );
    let _ = writeln!(text, "    trust: {}", trust(home));
    let _ = writeln!(text, "    signsNotes: {}", home.keys.sign_notes());
    let _ = writeln!(text, "  readLogToken: {}", home.keys.have_read_log_token());
    for (name, value) in server_values(home) {
        let _ = writeln!(text, "  {name}: {value}");
    }
    if let Some(domain) = only(&home.trust_domains()) {
        let _ = writeln!(text, "# That of all proxies in the bundle.\n{}", trust_domain(domain));
    }
    text
}

fn trust_domain(domain: &str) -> String {
    format!("identity: {{istio: {{trustDomain: {}}}}}", json!(domain))
}

fn only<'a>(domains: &BTreeSet<&'a str>) -> Option<&'a str> {
    if domains.len() == 1 { domains.first().copied() } else { None }
}

fn trust(home: &FirstHome) -> Value {
    let trust = &home.settings.trust;
    // A public key always is a JSON object.
    let keys: Vec<Value> =
        trust.keys.iter().map(|key| serde_json::from_str(&key.to_jwk_json()).unwrap_or_default()).collect();
    json!({"threshold": trust.threshold, "keys": keys, "minVersion": home.settings.min_version})
}

/// What the configuration says and the chart takes as it is.
fn server_values(home: &FirstHome) -> Vec<(&'static str, Value)> {
    let settings = &home.settings;
    let limits = &settings.limits;
    let deadline = u64::try_from(limits.deadline.as_millis()).unwrap_or(u64::MAX);
    let mut values = vec![
        ("receiptSetSeconds", json!(settings.receipt_set_seconds)),
        (
            "limits",
            json!({
                "deadlineMilliseconds": deadline, "decisions": limits.decisions,
                "denialsPerSecond": limits.denials, "historyEntries": limits.history,
            }),
        ),
    ];
    if let Some(authority) = &settings.authority {
        values.push(("authority", json!({"iss": authority.iss, "url": authority.url})));
    }
    if !settings.environment.is_empty() {
        values.push(("environment", json!(settings.environment)));
    }
    if let Some(url) = &settings.candidate_url {
        values.push(("candidate", json!({"url": url})));
    }
    if !settings.witnesses.is_empty() {
        let witness =
            |witness: &crate::config::Witness| json!({"url": witness.url, "key": witness.key.to_string()});
        values.push(("witnesses", settings.witnesses.iter().map(witness).collect()));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(hours: u64) -> Option<(u64, u64)> {
        let taken = TakenWithin::of(999, Seconds::new(hours.saturating_mul(3600)))?;
        Some((taken.hours, taken.until / 3600))
    }

    #[test]
    fn an_old_first_ledger_is_taken_for_one_more_day_and_none_after_the_most_that_the_chart_takes() {
        assert_eq!([after(0), after(23)], [Some((24, 24)); 2]);
        assert_eq!((after(24), after(150)), (Some((48, 48)), Some((168, 168))));
        assert_eq!((after(167), after(168), after(9999)), (Some((168, 168)), None, None));
    }

    #[test]
    fn a_ledger_from_the_future_of_a_clock_that_was_set_back_is_young() {
        let taken = TakenWithin::of(1_700_000_000_000, Seconds::new(1_600_000_000)).unwrap();
        assert!(taken.is_default() && taken.until == 1_700_086_400);
    }
}
