//! A request as the edge hands it in: nothing in it has been verified.

use policy::decision::Line;

/// One request that a proxy wants a decision about.
#[derive(Debug)]
pub struct IncomingRequest {
    /// The proxy, by the identity of its connection to us; `None` if the connection has none.
    pub proxy: Option<String>,
    pub client: ClientPeer,
    /// The client's address as the proxy saw it. It names the source of a flood, and decides nothing.
    pub client_address: Option<String>,
    /// `None`: a check without HTTP attributes, as a TCP filter sends.
    pub http: Option<IncomingHttp>,
}

/// What the proxy says of the client's connection.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ClientPeer {
    /// The name that the proxy found in the client's certificate; empty if there is none.
    pub principal: String,
    /// The certificate that it validated, in URL-encoded PEM; empty if it sends none.
    pub certificate: String,
}

/// The request as the proxy's filters saw it.
#[derive(Debug)]
pub struct IncomingHttp {
    pub method: String,
    pub scheme: String,
    pub authority: Vec<u8>,
    /// Raw, with its query.
    pub path: Vec<u8>,
    /// Names are lower-case. There is one entry for each header line if the proxy sends them raw, else one for each
    /// name.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Whether the proxy sends every header line, including its own `:method`, `:authority` and `:path`.
    pub are_raw: bool,
    pub body: IncomingBody,
}

/// What the proxy sent of the body.
#[derive(Debug)]
pub enum IncomingBody {
    /// Nothing. It may be empty, or the proxy does not send bodies for this route.
    Absent,
    /// All of it, byte for byte.
    Whole(Vec<u8>),
    /// Only the beginning.
    Partial,
    /// As text, in which the proxy may have replaced bytes.
    Text,
}

impl IncomingBody {
    /// The whole body, if it is known.
    pub fn whole(&self) -> Option<&[u8]> {
        match self {
            IncomingBody::Whole(bytes) => Some(bytes),
            IncomingBody::Absent | IncomingBody::Partial | IncomingBody::Text => None,
        }
    }
}

impl IncomingRequest {
    /// The source of a request whose client is not identified: a denial is counted for it when there are too many to
    /// record each.
    pub fn source(&self) -> &str {
        self.client_address.as_deref().or(self.proxy.as_deref()).unwrap_or("unknown")
    }

    /// The W3C trace context of the request, if it is well formed.
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

impl IncomingHttp {
    pub fn line(&self) -> Line<'_> {
        Line { method: &self.method, authority: &self.authority, path_and_query: &self.path }
    }

    /// All values of a header, in the order in which they came.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_slice())
    }
}
