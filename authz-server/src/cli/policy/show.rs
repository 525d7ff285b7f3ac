//! `portcullis policy show`: prints the routes, or one route's document.

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::documents::{ViewArgs, unknown_route};
use crate::cli::out::{ExitStatus, Failure, line};
use policy::authoring::{View, yaml_lines};
use policy::rfc3339;
use policy::{Route, UngovernedMatch};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The route whose document is shown [default: a list of all routes]
    route: Option<String>,
    /// Fill in the defaults of the route's team. The server decides by this form
    #[arg(long, requires = "route")]
    expanded: bool,
    #[command(flatten)]
    view: ViewArgs,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let is_json = args.view.documents.json;
    args.view.with_view(|view| {
        match &args.route {
            None => all(view, is_json)?,
            Some(name) => {
                let document =
                    document(view, name, args.expanded).ok_or_else(|| unknown_route(view, name))?;
                if is_json { line(document)? } else { yaml_lines(&document).iter().try_for_each(line)? }
            }
        }
        Ok(ExitStatus::Success)
    })
}

fn document(view: View<'_>, name: &str, is_expanded: bool) -> Option<Value> {
    if is_expanded {
        return serde_json::from_str(&view.expanded(name)?).ok();
    }
    view.document(name)
}

fn all(view: View<'_>, is_json: bool) -> Result<(), Failure> {
    if is_json {
        let routes: Vec<_> = view.routes().into_iter().map(route).collect();
        let openings: Vec<_> = view.ungoverned().into_iter().map(opening).collect();
        return line(json!({"routes": routes, "ungoverned": openings}));
    }
    for route in view.routes() {
        let watched =
            route.observed_until().map(|until| format!(" (only observed until {})", rfc3339(until)));
        line(format!("{} of {}{}", route.name(), route.team(), watched.unwrap_or_default()))?;
        route.matches().try_for_each(|(method, host, path)| line(format!("  {method} {host}{path}")))?;
        line(format!("  policies: {}", route.policies().join(", ")))?;
    }
    for opening in view.ungoverned() {
        let until = opening.until().map(|until| format!(" until {}", rfc3339(until))).unwrap_or_default();
        line(format!("{} of {}: ungoverned{until}: {}", opening.name(), opening.team(), opening.reason()))?;
    }
    Ok(())
}

fn route(route: &Route) -> Value {
    let matches: Vec<_> = route
        .matches()
        .map(|(method, host, path)| json!({"method": method, "host": host, "path": path}))
        .collect();
    json!({
        "name": route.name(), "team": route.team(), "match": matches, "policies": route.policies(),
        "reads_body": route.reads_body(), "observed_until": route.observed_until(),
    })
}

fn opening(opening: &UngovernedMatch) -> Value {
    json!({"name": opening.name(), "team": opening.team(), "reason": opening.reason(), "until": opening.until()})
}
