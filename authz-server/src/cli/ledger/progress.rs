//! A progress bar for long work. It is drawn on standard error, and only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for this number of entries; hidden with `--json`.
pub(super) fn bar(what: &'static str, entries: u64, json: bool) -> ProgressBar {
    if json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(entries).with_message(what);
    let style = "{msg} {wide_bar} {human_pos}/{human_len} entries, {per_sec}, {eta} left";
    // If the style cannot be parsed, the default style is used.
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
