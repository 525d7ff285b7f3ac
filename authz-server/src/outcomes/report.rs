//! One line of a proxy's access log, as far as it is asked about.

/// How a request ended, as the proxy tells it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The proxy that tells, by its connection to us.
    pub proxy: String,
    /// What our answer to this request gave it, where there was one that let it through.
    pub stamped: Option<Stamped>,
    /// Whether a byte of it was sent upstream, by the last attempt.
    pub reached: bool,
    /// Where to.
    pub upstream: String,
    /// How often it was tried.
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
    /// The code in a denial's own header.
    pub denial: Option<String>,
    /// The address from which the proxy was asked.
    pub peer: Option<String>,
    pub method: String,
    pub host: String,
    /// Raw, with its query.
    pub path: String,
    /// The proxy's own name for the request.
    pub request_id: String,
}

/// What our answer left with the request.
#[derive(Clone, Debug)]
pub struct Stamped {
    pub decision: String,
    pub index: u64,
    pub ticket: String,
}

/// The details of an answer that came from the upstream.
const ORDINARY: &str = "via_upstream";
/// The longest word of a proxy that is kept.
const WORD_AT_MOST: usize = 64;

impl Report {
    /// How it ended; empty where in the ordinary way.
    pub(super) fn termination(&self) -> String {
        let details = if self.details == ORDINARY { "" } else { word(&self.details) };
        let parts = [details, word(&self.connection)].into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("; ")
    }

    /// Why it was answered as it was, in one word.
    pub(super) fn word(&self) -> &str {
        Some(word(&self.details)).filter(|word| !word.is_empty()).unwrap_or("refused")
    }
}

/// The word at the beginning of a proxy's explanation: what stands in braces behind it may be anything.
fn word(details: &str) -> &str {
    let is_of_a_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let end = details.find(|c| !is_of_a_word(c)).unwrap_or(details.len()).min(WORD_AT_MOST);
    details.get(..end).unwrap_or_default()
}
