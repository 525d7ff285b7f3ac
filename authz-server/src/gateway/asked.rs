//! What the edge hands in: one question, as it was asked, nothing believed.

use policy::decision::{Identity, Line};

/// One request that a proxy asks about.
#[derive(Debug)]
pub struct Asked {
    /// The proxy, by the identity of its connection to us; `None` where the connection has none.
    pub proxy: Option<String>,
    pub identity: Option<Identity>,
    /// The address from which the proxy was asked, as it saw it. Names the source of a flood, and decides nothing.
    pub peer: Option<String>,
    /// `None`: a check without HTTP attributes, as a TCP filter sends.
    pub http: Option<AskedHttp>,
}

/// The request as the proxy's filters saw it.
#[derive(Debug)]
pub struct AskedHttp {
    pub method: String,
    pub authority: Vec<u8>,
    /// Raw, with its query.
    pub path: Vec<u8>,
    /// By lower-case name: one entry a header line where the proxy sends them raw, else one a name.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The proxy sends every header line, its own `:method`, `:authority` and `:path` among them.
    pub are_raw: bool,
    /// What of the body came along; `None` where none did.
    pub body: Option<AskedBody>,
}

#[derive(Debug)]
pub struct AskedBody {
    pub bytes: Vec<u8>,
    /// The proxy cut it off.
    pub is_partial: bool,
}

impl Asked {
    /// Whom a denial is counted for, where there are too many to record each.
    pub fn source(&self) -> &str {
        let identity = self.identity.as_ref().map(|Identity(id)| id.as_str());
        identity.or(self.peer.as_deref()).or(self.proxy.as_deref()).unwrap_or("unknown")
    }

    /// The W3C trace context that came along, if it is of good form.
    pub fn traceparent(&self) -> Option<&str> {
        let mut values = self.http.as_ref()?.values("traceparent");
        let text = std::str::from_utf8(values.next()?).ok()?;
        let hex = |part: &str, length| {
            part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let mut parts = text.split('-');
        let whole =
            [2, 32, 16, 2].into_iter().all(|length| parts.next().is_some_and(|part| hex(part, length)));
        (whole && parts.next().is_none() && values.next().is_none()).then_some(text)
    }
}

impl AskedHttp {
    pub fn line(&self) -> Line<'_> {
        Line { method: &self.method, authority: &self.authority, path_and_query: &self.path }
    }

    /// All values of a header, in the order in which they came.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_slice())
    }
}
