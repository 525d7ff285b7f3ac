//! `portcullis receipt`: verifies a `Warrant-Receipt` for a request, as an upstream does.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};
use warrant::Seconds;

use super::out::{ExitStatus, Failure, line};
use super::values::{bytes_or_file, value_or_file};
use crate::authority::receipts::{self, ExpectedReceipt, ReceiptClaims, ReceiptFault, ReceiptKeys};
use crate::clock::Clock;
use crate::fetch::{self, Fetcher, Limits};

/// By how many seconds the server's clock and this machine's may differ.
const LEEWAY_SECONDS: u64 = 5;
const LIMITS: Limits = Limits { bytes: 256 * 1024, time: Duration::from_secs(10) };

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check whether a receipt holds for a request. Exit status 0: it holds; 1: it does not
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The value of the header `Warrant-Receipt`, or @FILE
    receipt: String,
    /// The server's receipt keys: a file, or the URL of its /v1/receipt-jwks.json
    #[arg(long, value_name = "FILE|URL")]
    jwks: String,
    /// The name of the server's log
    #[arg(long)]
    iss: String,
    /// The canonical host of the request
    #[arg(long)]
    aud: String,
    /// The method of the request
    #[arg(long)]
    htm: String,
    /// The canonical host and the raw path with its query, as in shop/v1/orders?page=2
    #[arg(long)]
    htu: String,
    /// The whole body, or @FILE, where the receipt covers it
    #[arg(long)]
    body: Option<String>,
    /// Verify as of this time, in seconds since 1970 [default: now]
    #[arg(long)]
    at: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Command) -> Result<ExitStatus, Failure> {
    match command {
        Command::Verify(args) => verify(args),
    }
}

fn verify(args: &Verify) -> Result<ExitStatus, Failure> {
    let receipt = value_or_file(&args.receipt)?;
    let body = args.body.as_deref().map(bytes_or_file).transpose()?;
    let expected = ExpectedReceipt {
        iss: &args.iss,
        aud: &args.aud,
        method: &args.htm,
        htu: &args.htu,
        body: body.as_deref(),
        now: args.at.map_or_else(|| Clock::of_the_machine().now(), Seconds::new),
        leeway: LEEWAY_SECONDS,
    };
    let verdict = receipts::verify(&receipt, &keys(&args.jwks)?, &expected);
    line(if args.json { as_json(&verdict)?.to_string() } else { as_text(&verdict) })?;
    Ok(if verdict.is_ok() { ExitStatus::Success } else { ExitStatus::Denied })
}

fn as_json(verdict: &Result<ReceiptClaims, ReceiptFault>) -> Result<Json, Failure> {
    match verdict {
        Ok(claims) => {
            let claims = serde_json::to_value(claims).map_err(Failure::new)?;
            Ok(json!({"result": "ok", "receipt": claims}))
        }
        Err(fault) => Ok(json!({"result": fault.code(), "meaning": fault.to_string()})),
    }
}

fn as_text(verdict: &Result<ReceiptClaims, ReceiptFault>) -> String {
    match verdict {
        Ok(claims) => {
            let place = &claims.ledger;
            format!("ok: decision {} is entry {} of {}", claims.dec, place.index, place.origin)
        }
        Err(fault) => format!("{}: {fault}", fault.code()),
    }
}

/// The keys decide what is believed, so they are not read over a network without TLS.
fn keys(place: &str) -> Result<ReceiptKeys, Failure> {
    let is_url = place.starts_with("https://") || place.starts_with("http://");
    let bytes = if is_url {
        fetched(place)?
    } else {
        std::fs::read(place).map_err(|e| Failure::new(format!("{place} cannot be read: {e}")))?
    };
    ReceiptKeys::read(&bytes).map_err(|what| Failure::new(format!("{place} {what}")))
}

fn fetched(url: &str) -> Result<Vec<u8>, Failure> {
    let host = url.parse::<hyper::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    if url.starts_with("http://") && !host.is_some_and(|host| fetch::is_loopback(&host)) {
        return Err(Failure::new(format!("{url}: without TLS anybody can replace the keys: use https://")));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(format!("cannot start: {e}")))?;
    let fetcher = Fetcher::new().map_err(Failure::new)?;
    let fetched = runtime.block_on(fetcher.get(url, &[], LIMITS)).map_err(Failure::new)?;
    match fetched.status {
        200 => Ok(fetched.body),
        status => Err(Failure::new(format!("{url}: the server answered {status}"))),
    }
}
