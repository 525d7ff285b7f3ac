//! The binary `portcullis`. It only calls the command line of the library, and chooses the allocator.

use std::process::ExitCode;

/// A decision makes many small texts on one thread, and the ledger's writer frees some of them on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    authz_server::cli::main()
}
