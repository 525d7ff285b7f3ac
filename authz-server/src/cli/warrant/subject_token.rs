//! `portcullis warrant subject-token`: signs a token that names an agent, with the key that stands in for an identity provider.
//!
//! `init` makes that key, and lists it in the sample `mesh.yaml`. In a mesh the tokens come from an identity provider, from
//! Kubernetes or from SPIRE, and this command has no use.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;
use warrant::mint::Signer;

use crate::cli::init::home;
use crate::cli::out::{Failure, line};
use crate::cli::values::duration;
use crate::clock::Clock;
use crate::keys;
use crate::recorder::DecisionId;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The home directory with the key of the stand-in, keys/idp.jwk
    #[arg(long)]
    home: PathBuf,
    /// Whom the token names: the warrant's holder will be `agent:SUB`
    #[arg(long)]
    sub: String,
    /// The issuer [default: the first under `subjects` of the home's mesh.yaml]
    #[arg(long)]
    iss: Option<String>,
    /// The audience [default: that of this issuer]
    #[arg(long)]
    aud: Option<String>,
    /// How long it holds
    #[arg(long, value_parser = duration, default_value = "5m")]
    lifetime: u64,
}

pub(in crate::cli) fn run(args: &Args) -> Result<(), Failure> {
    let key = keys::read(&args.home.join("keys/idp.jwk")).map_err(Failure::new)?;
    let bundle = home::bundle(&args.home)?;
    let listed = bundle.subjects().next();
    let iss = args.iss.clone().or_else(|| listed?.iss.clone());
    let aud = args.aud.clone().or_else(|| Some(listed?.audience.clone()));
    let (Some(iss), Some(aud)) = (iss, aud) else {
        return Err(Failure::new("mesh.yaml lists no issuer under `subjects`; say --iss and --aud"));
    };
    let now = Clock::of_the_machine().now();
    let header = json!({"alg": key.public_key().alg().name(), "typ": "JWT", "kid": key.kid()});
    let claims = json!({
        "iss": iss, "aud": aud, "sub": args.sub, "jti": DecisionId::random().as_str(),
        "iat": now.get(), "exp": now.plus(args.lifetime).get(),
    });
    line(keys::sign_jws(&header, &claims, &key).map_err(Failure::new)?)
}
