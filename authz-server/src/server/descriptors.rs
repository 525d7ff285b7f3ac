//! The limit of open files. The soft limit of many systems, 1,024, is less than the listeners' connections need; and a ledger
//! that cannot open its next file must end the process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// More than the connections of both listeners and the ledger's files ever need.
const NEEDED: u64 = 4096;

/// Raises the soft limit to what is needed, as far as the hard limit permits.
pub(super) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= NEEDED) {
        return;
    }
    let most = limit.maximum.map_or(NEEDED, |maximum| maximum.min(NEEDED));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..limit });
    if raised.is_err() || most < NEEDED {
        warn!(
            open_files = limit.current,
            needed = NEEDED,
            "too few files may be open: many connections can use them up, and the server then ends; raise the limit of the \
             service (LimitNOFILE, ulimits)"
        );
    }
}
