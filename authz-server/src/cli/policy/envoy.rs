//! `portcullis policy envoy`: prints what each route needs of Envoy's ext_authz, for the
//! `typed_per_filter_config` of Envoy's route.
//!
//! A body is requested only for a route that reads it: buffering every body would block streams and refuse
//! large uploads.

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::documents::ViewArgs;
use crate::cli::out::{ExitStatus, Failure, line};
use policy::Route;
use policy::authoring::yaml_lines;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    view: ViewArgs,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    args.view.with_view(|view| {
        let all: serde_json::Map<_, _> =
            view.routes().iter().map(|route| (route.name().to_owned(), settings(route))).collect();
        if args.view.documents.json {
            line(Value::Object(all))?;
        } else {
            line(
                "# For each route: the value of `typed_per_filter_config` in the Envoy route that matches it; {} means that none is needed.",
            )?;
            yaml_lines(&Value::Object(all)).iter().try_for_each(line)?;
        }
        Ok(ExitStatus::Success)
    })
}

fn settings(route: &Route) -> Value {
    if !route.reads_body() {
        return json!({});
    }
    json!({"envoy.filters.http.ext_authz": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
        "check_settings": {"with_request_body": {
            "allow_partial_message": false, "max_request_bytes": route.longest_body(), "pack_as_bytes": true,
        }},
    }})
}
