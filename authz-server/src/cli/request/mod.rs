//! `portcullis request METHOD URL`: gets a warrant, proves that it is the agent's, sends the request, and prints the answer.

mod agent_file;
mod exchange;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Uri};
use serde_json::{Value as Json, json};
use warrant::Seconds;
use warrant::mint::NewProof;

use super::out::{ExitStatus, Failure, line, line_to_stderr};
use super::values::{bytes_or_file, duration, pair, value_or_file};
use crate::clock::Clock;
use crate::fetch::{Fetched, Fetcher, Limits};
use crate::recorder::DecisionId;
use agent_file::{AgentFile, KnownAuthority};
use exchange::{Asked, Exchanged, exchange};

const LIMITS: Limits = Limits { bytes: 16 * 1024 * 1024, time: Duration::from_secs(30) };

/// What is asked for if nothing else is said.
const LIFETIME: u64 = 60;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    method: Method,
    /// The URL, as the proxy in front of the service gets it
    url: Uri,
    /// The agent's file: its key, and the authorities that it asks
    #[arg(long, value_name = "FILE")]
    agent: PathBuf,
    /// A warrant that is there already, or @FILE: no authority is asked
    #[arg(long, conflicts_with_all = ["scope", "details", "authority", "lifetime", "uses", "max_depth"])]
    warrant: Option<String>,
    /// The authority to ask, by its name; needed only if the agent knows several and the answer to a request without a warrant
    /// names none of them
    #[arg(long, value_name = "ISSUER")]
    authority: Option<String>,
    /// Ask for this grant, bounded to the host of the URL [default: for exactly this request]
    #[arg(long, value_name = "GRANT")]
    scope: Option<String>,
    /// Ask for these details, as JSON or @FILE [default: for exactly this request]
    #[arg(long, value_name = "JSON", conflicts_with = "scope")]
    details: Option<String>,
    /// The longest lifetime that is of use, like 60s
    #[arg(long, value_parser = duration)]
    lifetime: Option<u64>,
    /// How often the warrant will be used at most [default: once]
    #[arg(long = "use", value_name = "N")]
    uses: Option<u32>,
    /// How often it will be delegated at most
    #[arg(long, default_value_t = 0)]
    max_depth: u64,
    /// The body, or @FILE
    #[arg(long)]
    data: Option<String>,
    /// A header, as NAME=VALUE; may be given several times
    #[arg(long = "header", value_parser = pair)]
    headers: Vec<(String, String)>,
    /// Send it to the proxy at this address, and not to where the host of the URL leads; for http alone
    #[arg(long, value_name = "HOST:PORT")]
    via: Option<String>,
    /// Write the warrant to standard output and send nothing
    #[arg(long)]
    only_warrant: bool,
    /// Say each step on standard error
    #[arg(long)]
    explain: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let agent = agent_file::read(&args.agent)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let fetcher = Fetcher::new().map_err(Failure::new)?;
    let target = Target::of(args)?;
    runtime.block_on(Requester { args, agent, fetcher, target }.run())
}

/// The request as it will be sent.
struct Target {
    /// The `:authority` that the proxy gets.
    authority: String,
    path_and_query: String,
    path: String,
    body: Option<Vec<u8>>,
}

impl Target {
    fn of(args: &Args) -> Result<Target, Failure> {
        if args.via.is_some() && args.url.scheme_str() != Some("http") {
            return Err(Failure::new(
                "--via: only for http URLs: by https nobody could tell whose certificate to expect",
            ));
        }
        let wrong = || Failure::new(format!("`{}` is not an absolute http or https URL", args.url));
        let default = match args.url.scheme_str() {
            Some("http") => ":80",
            Some("https") => ":443",
            Some(_) | None => return Err(wrong()),
        };
        let authority = args.url.authority().ok_or_else(wrong)?.as_str();
        let path_and_query = args.url.path_and_query().map_or("/", |all| all.as_str()).to_owned();
        Ok(Target {
            authority: authority.strip_suffix(default).unwrap_or(authority).to_owned(),
            path_and_query,
            path: args.url.path().to_owned(),
            body: args.data.as_deref().map(bytes_or_file).transpose()?,
        })
    }
}

struct Requester<'a> {
    args: &'a Args,
    agent: AgentFile,
    fetcher: Fetcher,
    target: Target,
}

impl Requester<'_> {
    async fn run(&self) -> Result<ExitStatus, Failure> {
        let warrant = match &self.args.warrant {
            Some(given) => value_or_file(given)?,
            None => match self.obtain().await? {
                Exchanged::Warrant { warrant, expires_in } => {
                    self.say(format!("got a warrant that holds for {expires_in} s"));
                    warrant
                }
                Exchanged::Refused { code, says } => return self.refused(&code, &says),
            },
        };
        if self.args.only_warrant {
            line(warrant)?;
            return Ok(ExitStatus::Success);
        }
        self.say("signed a proof for this one request".to_owned());
        let proof = NewProof {
            jti: fresh_name(),
            iat: now(),
            method: self.args.method.as_str(),
            authority: &self.target.authority,
            path_and_query: &self.target.path_and_query,
            warrant_header: &warrant,
            body: self.target.body.as_deref(),
        };
        let proof = proof.sign(&self.agent.key).map_err(Failure::new)?;
        self.tell(&self.send(&[("warrant", &warrant), ("warrant-proof", &proof)]).await?)
    }

    async fn obtain(&self) -> Result<Exchanged, Failure> {
        let authority = self.authority().await?;
        let details = match (&self.args.details, &self.args.scope) {
            (Some(details), _) => Some(value_or_file(details)?),
            (None, Some(_)) => None,
            (None, None) => Some(self.this_request()),
        };
        let asked = Asked {
            scope: self.args.scope.as_deref(),
            details: details.as_deref(),
            resource: &self.resource(),
            lifetime: self.args.lifetime.or(Some(LIFETIME)),
            uses: self.args.uses.or(Some(1)),
            max_depth: Some(self.args.max_depth),
        };
        let what = match (asked.scope, asked.details) {
            (Some(scope), _) => format!("the grant `{scope}` at {}", asked.resource),
            (None, details) => details.unwrap_or_default().to_owned(),
        };
        self.say(format!("ask {} for {what}", authority.issuer));
        exchange(&self.fetcher, authority, &self.agent.key, &asked, now()).await
    }

    /// The authority to ask: the one that was named, or the only one, or the first that the answer to a request without a warrant
    /// names. That answer only chooses among those that the agent knows.
    async fn authority(&self) -> Result<&KnownAuthority, Failure> {
        let known = &self.agent.authorities;
        let named = |issuer: &str| known.iter().find(|authority| authority.issuer == issuer);
        if let Some(issuer) = &self.args.authority {
            return named(issuer).ok_or_else(|| {
                Failure::new(format!(
                    "--authority: {} knows no authority `{issuer}`",
                    self.args.agent.display()
                ))
            });
        }
        if let [only] = known.as_slice() {
            return Ok(only);
        }
        self.say("several authorities are known: send the request without a warrant, to learn which one counts there".to_owned());
        let answer = self.send(&[]).await?;
        let challenge = answer.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let issuers = challenge.and_then(issuers_of).unwrap_or_default();
        issuers.iter().find_map(|issuer| named(issuer)).ok_or_else(|| {
            Failure::new("the answer to a request without a warrant names no authority that the agent knows; name one with --authority")
        })
    }

    /// The narrowest details: this host, this method, this path.
    fn this_request(&self) -> String {
        let detail = json!({
            "type": "execution",
            "hosts": [self.target.authority.to_ascii_lowercase()],
            "methods": [self.args.method.as_str()],
            "paths": [self.target.path],
        });
        json!([detail]).to_string()
    }

    fn resource(&self) -> String {
        format!("{}://{}", self.args.url.scheme_str().unwrap_or("https"), self.target.authority)
    }

    async fn send(&self, own: &[(&str, &str)]) -> Result<Fetched, Failure> {
        let mut headers = Vec::new();
        let given = self.args.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in given.chain(own.iter().copied()) {
            let name = HeaderName::try_from(name).map_err(Failure::new)?;
            headers.push((name, HeaderValue::try_from(value).map_err(Failure::new)?));
        }
        let is_json = self.target.body.is_some() && !headers.iter().any(|(name, _)| *name == CONTENT_TYPE);
        headers.extend(is_json.then(|| (CONTENT_TYPE, HeaderValue::from_static("application/json"))));
        let body = self.target.body.clone().unwrap_or_default();
        let body = String::from_utf8(body).map_err(|_| Failure::new("--data: the body is not UTF-8"))?;
        let url = match &self.args.via {
            None => self.args.url.to_string(),
            Some(proxy) => {
                let host = HeaderValue::try_from(self.target.authority.as_str()).map_err(Failure::new)?;
                headers.push((HOST, host));
                format!("http://{proxy}{}", self.target.path_and_query)
            }
        };
        self.fetcher.send(self.args.method.clone(), &url, &headers, body, LIMITS).await.map_err(Failure::new)
    }

    fn tell(&self, answer: &Fetched) -> Result<ExitStatus, Failure> {
        let denial = answer.headers.get("warrant-denial").and_then(|value| value.to_str().ok());
        let body = String::from_utf8_lossy(&answer.body);
        let problem: Option<Json> = denial.and_then(|_| serde_json::from_str(&body).ok());
        let text = |name: &str| problem.as_ref()?.get(name)?.as_str().map(str::to_owned);
        if self.args.json {
            line(
                json!({"status": answer.status, "denial": denial, "decision": text("decision"), "body": body}),
            )?;
        } else {
            if let Some(code) = denial {
                let says = ["detail", "cure"].into_iter().filter_map(text).collect::<Vec<_>>().join("; ");
                line_to_stderr(format!("portcullis: denied: {code}: {says}"));
                text("decision")
                    .into_iter()
                    .for_each(|id| line_to_stderr(format!("portcullis: decision {id}")));
            }
            self.say(format!("the answer has status {}", answer.status));
            line(body.trim_end())?;
        }
        Ok(if denial.is_some() { ExitStatus::Denied } else { ExitStatus::Success })
    }

    fn refused(&self, code: &str, says: &str) -> Result<ExitStatus, Failure> {
        if self.args.json {
            line(json!({"refused": code, "detail": says}))?;
        } else {
            line_to_stderr(format!("portcullis: no warrant: {code}: {says}"));
        }
        Ok(ExitStatus::Denied)
    }

    fn say(&self, step: String) {
        if self.args.explain {
            line_to_stderr(format!("portcullis: {step}"));
        }
    }
}

/// The issuers that a challenge names: `Warrant realm="…", issuers="https://a https://b"`.
fn issuers_of(challenge: &str) -> Option<Vec<&str>> {
    let parameters = challenge.strip_prefix("Warrant ")?;
    let (_, rest) = parameters.split_once("issuers=\"")?;
    Some(rest.split_once('"')?.0.split(' ').collect())
}

fn now() -> Seconds {
    Clock::of_the_machine().now()
}

/// A name that nothing else has.
fn fresh_name() -> String {
    DecisionId::random().as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_names_issuers() {
        let challenge = "Warrant realm=\"demo\", issuers=\"https://a https://b\", error=\"warrant-missing\"";
        assert_eq!(issuers_of(challenge), Some(vec!["https://a", "https://b"]));
        assert_eq!(issuers_of("Bearer realm=\"x\""), None);
    }
}
