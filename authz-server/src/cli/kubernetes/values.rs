//! The values of the chart that a home directory knows, and those that only the owner of the cluster knows. The second kind is left out
//! and named: the chart refuses to install without it, where a placeholder would be taken for a value.

use std::fmt::Write;

use serde_json::{Value, json};
use warrant::Seconds;

use super::first_home::FirstHome;
use crate::keys;

/// The default of the chart's `ledger.firstWithinHours`, and the most that it takes.
const FIRST_WITHIN_HOURS: u64 = 24;
const HOURS_AT_MOST: u64 = 168;

/// Values that somebody must add.
pub(super) struct Missing {
    pub(super) why: String,
    /// An example, as it is written.
    pub(super) yaml: Vec<String>,
}

/// Until when the chart takes this ledger, in seconds.
pub(super) fn taken_until(home: &FirstHome, now: Seconds) -> u64 {
    let of = |hours: u64| (home.ledger.created() / 1000).saturating_add(hours.saturating_mul(3600));
    if now.get() < of(FIRST_WITHIN_HOURS) { of(FIRST_WITHIN_HOURS) } else { of(HOURS_AT_MOST) }
}

fn is_old(home: &FirstHome, now: Seconds) -> bool {
    taken_until(home, now).saturating_sub(home.ledger.created() / 1000)
        > FIRST_WITHIN_HOURS.saturating_mul(3600)
}

/// What the chart needs and a home directory does not know.
pub(super) fn missing(home: &FirstHome, now: Seconds) -> Vec<Missing> {
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
    if home.settings.candidate_url.is_some() || !home.settings.witnesses.is_empty() {
        all.push(of(
            "where the witnesses and the candidate are, for the NetworkPolicy",
            &["networkPolicy:", "  egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}], ports: [{port: 443}]}]"],
        ));
    }
    if is_old(home, now) {
        all.push(Missing {
            why: format!(
                "this first ledger is older than {FIRST_WITHIN_HOURS} hours. If it never started in a cluster, let the chart take it"
            ),
            yaml: vec![format!("ledger: {{firstWithinHours: {HOURS_AT_MOST}}}")],
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
    text
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
