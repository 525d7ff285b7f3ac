//! The binary `portcullis`. It only calls the command line of the library, and chooses the allocator.

use std::process::ExitCode;

/// With the system's allocator a decision costs a sixth more: it makes many small texts, and the ledger's writer frees some of them on
/// another thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    authz_server::cli::main()
}
