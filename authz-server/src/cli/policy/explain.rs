//! `portcullis policy explain`: what a request would meet, or what a recorded decision met, and why.

use clap::Args as ClapArgs;
use clap::ValueEnum;
use warrant::Seconds;

use super::documents::Looking;
use super::recorded::{self, Recorded};
use crate::cli::out::{Done, Failure, line};
use crate::cli::values::{duration, pair};
use crate::clock::Clock;
use policy::Posture;
use policy::authoring::{Explained, Question};
use policy::rfc3339;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    recorded: Recorded,
    #[command(flatten)]
    looking: Looking,
}

#[derive(Debug, ClapArgs)]
struct Asked {
    /// The request's method
    #[arg(required_unless_present = "decision")]
    method: Option<String>,
    /// Its raw path, with its query
    #[arg(required_unless_present = "decision")]
    path: Option<String>,
    /// Its host, canonical or an alias; may be left out where there is one only
    #[arg(long)]
    host: Option<String>,
    /// An argument of the route, as NAME=VALUE: it is put where the route reads it; may be given several times
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
    /// Whom the root names, where that is another
    #[arg(long)]
    root: Option<String>,
    /// How often the warrant was delegated
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=7))]
    depth: u8,
    /// How long each link holds [default: as long as the route allows]
    #[arg(long, value_parser = duration)]
    lifetime: Option<u64>,
    /// How often the root may be used, or `unlimited` [default: what the route asks for]
    #[arg(long = "use", value_parser = uses)]
    uses: Option<Uses>,
    /// What the warrant says of itself, as run=, agent= or purpose=
    #[arg(long, value_parser = pair)]
    attr: Vec<(String, String)>,
    /// Where the server is, as DIMENSION=VALUE [default: where the route asks]
    #[arg(long = "env", value_parser = pair)]
    env: Vec<(String, String)>,
    /// A condition, as NAME=VALUE [default: as the route asks]
    #[arg(long = "condition", value_parser = pair)]
    conditions: Vec<(String, String)>,
    #[arg(long, value_enum, default_value = "normal")]
    posture: Told,
    /// As of this time, in seconds since 1970 [default: now]
    #[arg(long)]
    at: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Told {
    Normal,
    Restricted,
}

/// `None`: without limit.
#[derive(Clone, Copy, Debug)]
struct Uses(Option<u32>);

fn uses(text: &str) -> Result<Uses, String> {
    if text == "unlimited" {
        return Ok(Uses(None));
    }
    let number = text.parse::<u32>().ok().filter(|number| (1..=0x7fff_ffff).contains(number));
    number
        .map(|number| Uses(Some(number)))
        .ok_or_else(|| "write a whole number from 1, or `unlimited`".to_owned())
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let documents = &args.looking.documents;
    if let Some(id) = &args.recorded.decision {
        return recorded::run(&args.recorded, id, &documents.home, documents.json);
    }
    let now = args.asked.at.map_or_else(|| Clock::of_the_machine().now(), Seconds::new);
    args.looking.ask(|view| {
        let explained = view.explain(&question(&args.asked), now).map_err(Failure::new)?;
        if documents.json {
            line(serde_json::to_string(&explained).map_err(Failure::new)?)?;
        } else {
            tell(&explained)?;
        }
        Ok(if explained.passes() { Done::Well } else { Done::Denied })
    })
}

fn question(args: &Asked) -> Question {
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
        uses: args.uses.map(|Uses(uses)| uses),
        attr: map(&args.attr),
        environment: map(&args.env),
        conditions: map(&args.conditions),
        posture: match args.posture {
            Told::Normal => Posture::Normal,
            Told::Restricted => Posture::Restricted,
        },
    }
}

fn tell(explained: &Explained) -> Result<(), Failure> {
    headline(explained.result, explained.status)?;
    grounds(explained)
}

/// What came out.
pub(super) fn headline(result: &str, status: Option<u16>) -> Result<(), Failure> {
    line(format!("{result}{}", status.map(|status| format!(" ({status})")).unwrap_or_default()))
}

/// By what, why, and what to do about it.
pub(super) fn grounds(explained: &Explained) -> Result<(), Failure> {
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
        line(format!("  watched:  it is forwarded whatever the answer, until {}", rfc3339(until)))?;
    }
    Ok(())
}
