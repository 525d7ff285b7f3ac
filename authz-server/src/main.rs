//! `portcullis`: parse the command, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    authz_server::cli::main()
}
