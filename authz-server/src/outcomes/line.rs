//! One line of a proxy's access log: the parts that this server uses.

use warrant::Denial;

/// How a request ended, as the proxy reports it.
#[derive(Clone, Debug, Default)]
pub struct LogLine {
    /// The proxy that sent the line, by its connection to us.
    pub proxy: String,
    /// What our answer left with the request, if it let the request through.
    pub stamp: Option<LoggedStamp>,
    /// Whether a byte of it was sent upstream, by the last attempt.
    pub reached: bool,
    /// The upstream's address.
    pub upstream: String,
    /// How often the request was sent upstream.
    pub attempts: u64,
    pub status: Option<u64>,
    /// In milliseconds.
    pub duration: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Why it was answered as it was, in the proxy's words.
    pub details: String,
    /// How the connection ended, in the proxy's words; empty for an ordinary end.
    pub connection: String,
    /// The denial code in the response's header, or that with which the seal ended the stream.
    pub denial: Option<String>,
    /// The client's address as the proxy saw it.
    pub client_address: Option<String>,
    pub method: String,
    pub host: String,
    /// Raw, with its query.
    pub path: String,
    /// The proxy's own id for the request.
    pub request_id: String,
}

/// What our answer left with the request.
#[derive(Clone, Debug)]
pub struct LoggedStamp {
    pub decision: String,
    pub index: u64,
    pub ticket: String,
}

/// The details of an answer that came from the upstream.
const ORDINARY: &str = "via_upstream";
/// The most bytes that are kept of a proxy's word.
const WORD_AT_MOST: usize = 64;

impl LogLine {
    /// How it ended; empty for an ordinary end.
    pub(super) fn termination(&self) -> String {
        let details = if self.details == ORDINARY { "" } else { word(&self.details) };
        // The seal denies what came past us or was changed, and ends what runs too long.
        let denial = self.denial.as_deref().and_then(Denial::from_code).map_or("", Denial::code);
        let parts = [denial, details, word(&self.connection)].into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("; ")
    }

    /// Why it was answered as it was, in one word.
    pub(super) fn word(&self) -> &str {
        Some(word(&self.details)).filter(|word| !word.is_empty()).unwrap_or("refused")
    }
}

/// The word at the beginning of a proxy's explanation. The text in braces after it may be anything.
fn word(details: &str) -> &str {
    let is_of_a_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let end = details.find(|c| !is_of_a_word(c)).unwrap_or(details.len()).min(WORD_AT_MOST);
    details.get(..end).unwrap_or_default()
}
