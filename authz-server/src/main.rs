//! The binary `portcullis`. It only calls the command line of the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    authz_server::cli::main()
}
