//! `portcullis policy envoy`: what each route needs of Envoy's ext_authz, for the `typed_per_filter_config` of the route that matches it.
//!
//! The body is asked for only where it is read: buffering everywhere hangs streams and refuses large uploads.

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::documents::Looking;
use super::yaml;
use crate::cli::out::{Done, Failure, line};
use policy::{LARGEST_BODY, Route};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    looking: Looking,
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    args.looking.ask(|view| {
        let all: serde_json::Map<_, _> =
            view.routes().iter().map(|route| (route.name().to_owned(), settings(route))).collect();
        if args.looking.documents.json {
            line(Value::Object(all))?;
        } else {
            line(
                "# By route: the value of `typed_per_filter_config` in Envoy's route that matches it; {} needs none.",
            )?;
            yaml::lines(&Value::Object(all)).iter().try_for_each(line)?;
        }
        Ok(Done::Well)
    })
}

fn settings(route: &Route) -> Value {
    if !route.reads_body() {
        return json!({});
    }
    json!({"envoy.filters.http.ext_authz": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
        "check_settings": {"with_request_body": {
            "allow_partial_message": false, "max_request_bytes": LARGEST_BODY, "pack_as_bytes": true,
        }},
    }})
}
