//! A bar for long work: on standard error, and on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over so many entries; silent where a machine reads.
pub(super) fn bar(what: &'static str, entries: u64, json: bool) -> ProgressBar {
    if json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(entries).with_message(what);
    let style = "{msg} {wide_bar} {human_pos}/{human_len} entries, {per_sec}, {eta} left";
    // A style that cannot be read leaves the plain one.
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
