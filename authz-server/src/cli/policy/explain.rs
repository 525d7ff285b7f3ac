//! `portcullis policy explain`: how a request would be decided, or how a recorded decision was decided, and
//! why.

use clap::Args as ClapArgs;
use clap::ValueEnum;
use warrant::Seconds;

use super::documents::ViewArgs;
use super::explain_decision::{self, DecisionArgs};
use crate::cli::out::{ExitStatus, Failure, line};
use crate::cli::values::{duration, pair};
use crate::clock::Clock;
use policy::Posture;
use policy::authoring::{Explained, Question};
use policy::rfc3339;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    recorded: DecisionArgs,
    #[command(flatten)]
    view: ViewArgs,
}

#[derive(Debug, ClapArgs)]
struct RequestArgs {
    /// The request's method
    #[arg(required_unless_present = "decision")]
    method: Option<String>,
    /// The request's raw path, with its query
    #[arg(required_unless_present = "decision")]
    path: Option<String>,
    /// The request's host, canonical or an alias; not needed if there is only one
    #[arg(long)]
    host: Option<String>,
    /// An argument of the route, as NAME=VALUE, put where the route reads it; may be given several times
    #[arg(long = "arg", value_parser = pair)]
    args: Vec<(String, String)>,
    /// A header, as NAME=VALUE
    #[arg(long = "header", value_parser = pair)]
    headers: Vec<(String, String)>,
    /// The body, as JSON
    #[arg(long)]
    body: Option<String>,
    /// The holder of the warrant, who presents it: a SPIFFE ID, or a name such as agent:demo
    #[arg(long, required_unless_present = "decision")]
    holder: Option<String>,
    /// The subject of the root warrant, if it is not the holder
    #[arg(long)]
    root: Option<String>,
    /// How often the warrant was delegated
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=7))]
    depth: u8,
    /// How long each link is valid [default: as long as the route allows]
    #[arg(long, value_parser = duration)]
    lifetime: Option<u64>,
    /// How often the root may be used, or `unlimited` [default: what the route requires]
    #[arg(long = "use", value_parser = uses)]
    uses: Option<UsesArg>,
    /// An attribute in the warrant, as run=, agent= or purpose=
    #[arg(long, value_parser = pair)]
    attr: Vec<(String, String)>,
    /// The server's environment, as DIMENSION=VALUE [default: what the route requires]
    #[arg(long = "env", value_parser = pair)]
    env: Vec<(String, String)>,
    /// A condition, as NAME=VALUE [default: what the route requires]
    #[arg(long = "condition", value_parser = pair)]
    conditions: Vec<(String, String)>,
    #[arg(long, value_enum, default_value = "normal")]
    posture: PostureArg,
    /// As of this time, in seconds since 1970 [default: now]
    #[arg(long)]
    at: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PostureArg {
    Normal,
    Restricted,
}

/// `None` means no limit.
#[derive(Clone, Copy, Debug)]
struct UsesArg(Option<u32>);

fn uses(text: &str) -> Result<UsesArg, String> {
    if text == "unlimited" {
        return Ok(UsesArg(None));
    }
    let number = text.parse::<u32>().ok().filter(|number| (1..=0x7fff_ffff).contains(number));
    number
        .map(|number| UsesArg(Some(number)))
        .ok_or_else(|| "write a whole number of at least 1, or `unlimited`".to_owned())
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let documents = &args.view.documents;
    if let Some(id) = &args.recorded.decision {
        return explain_decision::run(&args.recorded, id, &documents.home, documents.json);
    }
    let now = args.request.at.map_or_else(|| Clock::of_the_machine().now(), Seconds::new);
    args.view.with_view(|view| {
        let explained = view.explain(&question(&args.request), now).map_err(Failure::new)?;
        if documents.json {
            line(serde_json::to_string(&explained).map_err(Failure::new)?)?;
        } else {
            print_result(explained.result, explained.status)?;
            print_grounds(&explained)?;
        }
        Ok(if explained.passes() { ExitStatus::Success } else { ExitStatus::Denied })
    })
}

fn question(args: &RequestArgs) -> Question {
    let map = |pairs: &[(String, String)]| pairs.iter().cloned().collect();
    Question {
        method: args.method.clone().unwrap_or_default(),
        host: args.host.clone(),
        path: args.path.clone().unwrap_or_default(),
        headers: args.headers.clone(),
        body: args.body.clone(),
        args: args.args.clone(),
        caller: args.holder.clone().unwrap_or_default(),
        root: args.root.clone(),
        depth: args.depth,
        lifetime: args.lifetime,
        uses: args.uses.map(|UsesArg(uses)| uses),
        attr: map(&args.attr),
        environment: map(&args.env),
        conditions: map(&args.conditions),
        posture: match args.posture {
            PostureArg::Normal => Posture::Normal,
            PostureArg::Restricted => Posture::Restricted,
        },
    }
}

/// Prints the code and the HTTP status.
pub(super) fn print_result(result: &str, status: Option<u16>) -> Result<(), Failure> {
    line(format!("{result}{}", status.map(|status| format!(" ({status})")).unwrap_or_default()))
}

/// Prints the route, the policies, the reason and the cure.
pub(super) fn print_grounds(explained: &Explained) -> Result<(), Failure> {
    if let (Some(route), Some(team)) = (&explained.route, &explained.team) {
        line(format!("  route:    {route} of {team}"))?;
    }
    if !explained.policies.is_empty() {
        line(format!("  policies: {}", explained.policies.join(", ")))?;
    }
    line(format!("  why:      {}", explained.why))?;
    if let Some(cure) = &explained.cure {
        line(format!("  cure:     {cure}"))?;
    }
    if let Some(until) = explained.observed_until {
        line(format!(
            "  observed: every request is forwarded until {}, even if it is denied",
            rfc3339(until)
        ))?;
    }
    Ok(())
}
