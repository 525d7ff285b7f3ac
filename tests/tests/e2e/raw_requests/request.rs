//! One row: a request as bytes, what its proof is about, and what must come back.

use portcullis_tests::agent::{Agent, WarrantSpec, hello};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::world::HOST;

/// The methods that the policy allows. A warrant cannot name others.
pub(super) const METHODS: [&str; 12] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PURGE", "PRI", "UNKNOWN",
];

pub(super) struct Row {
    pub(super) name: String,
    pub(super) request: RawRequest,
    pub(super) expected: Expected,
}

pub(super) fn row(name: impl Into<String>, request: RawRequest, expected: Expected) -> Row {
    Row { name: name.into(), request, expected }
}

/// A request as lines. `{warrant}` and `{proof}` stand for a warrant and a proof.
#[derive(Clone)]
pub(super) struct RawRequest {
    line: Vec<u8>,
    headers: Vec<Vec<u8>>,
    after: Vec<u8>,
    method: String,
    host: String,
    target: String,
}

/// A request whose only oddity may be its method and target. It ends its connection.
pub(super) fn request(method: &str, target: impl AsRef<[u8]>) -> RawRequest {
    let target = target.as_ref();
    RawRequest {
        line: [method.as_bytes(), b" ", target, b" HTTP/1.1"].concat(),
        headers: [
            format!("Host: {HOST}").as_str(),
            "Warrant: {warrant}",
            "Warrant-Proof: {proof}",
            "Connection: close",
        ]
        .map(|line| line.as_bytes().to_vec())
        .to_vec(),
        after: Vec::new(),
        method: method.to_owned(),
        host: HOST.to_owned(),
        target: String::from_utf8_lossy(target).into_owned(),
    }
}

/// A GET of this target.
pub(super) fn get(target: impl AsRef<[u8]>) -> RawRequest {
    request("GET", target)
}

/// A GET without any oddity.
pub(super) fn plain() -> RawRequest {
    get("/hello/you")
}

impl RawRequest {
    /// Adds a header line.
    pub(super) fn with(mut self, line: impl AsRef<[u8]>) -> RawRequest {
        self.headers.push(line.as_ref().to_vec());
        self
    }

    /// Adds a header line before all others.
    pub(super) fn with_first(mut self, line: impl AsRef<[u8]>) -> RawRequest {
        self.headers.insert(0, line.as_ref().to_vec());
        self
    }

    /// Leaves out the lines of a header.
    pub(super) fn without(mut self, name: &str) -> RawRequest {
        let start = format!("{name}:").into_bytes();
        let before = self.headers.len();
        self.headers.retain(|line| !line.starts_with(&start));
        assert!(self.headers.len() < before, "there is a header {name}");
        self
    }

    /// Has this line instead of the one of a header.
    pub(super) fn instead_of(self, name: &str, line: impl AsRef<[u8]>) -> RawRequest {
        self.without(name).with(line)
    }

    /// Has this request line.
    pub(super) fn line(mut self, line: impl AsRef<[u8]>) -> RawRequest {
        self.line = line.as_ref().to_vec();
        self
    }

    /// Bytes after the empty line: a body, or another request.
    pub(super) fn then(mut self, bytes: impl AsRef<[u8]>) -> RawRequest {
        self.after.extend_from_slice(bytes.as_ref());
        self
    }

    /// Its proof is about this target.
    pub(super) fn proves(mut self, target: &str) -> RawRequest {
        target.clone_into(&mut self.target);
        self
    }

    /// Its proof is about this method, and so is its warrant.
    pub(super) fn proves_method(mut self, method: &str) -> RawRequest {
        method.clone_into(&mut self.method);
        self
    }

    /// Its proof is about this host.
    pub(super) fn proves_host(mut self, host: &str) -> RawRequest {
        host.clone_into(&mut self.host);
        self
    }

    /// The bytes to send, with a warrant for every path and a new proof.
    pub(super) fn bytes(&self, agent: &Agent) -> Vec<u8> {
        let method = METHODS.iter().find(|method| **method == self.method).unwrap_or(&"GET");
        let spec = WarrantSpec { methods: vec![(*method).to_owned()], path: "/**".to_owned(), ..hello() };
        let warrant = agent.warrant(&spec);
        let proof = |target: &str| {
            // A proof cannot be about everything that a client can send.
            let plain = |text: &str, other: &str| {
                let is_plain =
                    text.bytes().all(|byte| matches!(byte, 0x20..=0x7e if byte != b'"' && byte != b'\\'));
                if is_plain && (1..1000).contains(&text.len()) { text.to_owned() } else { other.to_owned() }
            };
            let request = ClientRequest::new(
                &plain(&self.method, "GET"),
                &plain(&self.host, HOST),
                &plain(target, "/hello/you"),
            );
            agent.proof(&warrant, &request)
        };
        let mut bytes = self.line.clone();
        bytes.extend_from_slice(b"\r\n");
        for line in &self.headers {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.after);
        let bytes = replace(&bytes, b"{warrant}", &warrant);
        // Each proof of a row is a new one. `{proof:TARGET}` is about another target.
        let mut bytes = replace(&bytes, b"{proof}", &proof(&self.target));
        while let Some((before, target, after)) = other_proof(&bytes) {
            bytes = [&before, proof(&target).as_bytes(), &after].concat();
        }
        bytes
    }
}

fn other_proof(bytes: &[u8]) -> Option<(Vec<u8>, String, Vec<u8>)> {
    const START: &[u8] = b"{proof:";
    let start = bytes.windows(START.len()).position(|window| window == START)?;
    let end = start + bytes[start..].iter().position(|byte| *byte == b'}')?;
    let target = String::from_utf8(bytes[start + START.len()..end].to_vec()).unwrap();
    Some((bytes[..start].to_vec(), target, bytes[end + 1..].to_vec()))
}

fn replace(bytes: &[u8], name: &[u8], value: &str) -> Vec<u8> {
    let mut replaced = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(name.len()).position(|window| window == name) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(value.as_bytes());
        rest = &rest[at + name.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

/// What must come back, and what must reach the upstream.
#[derive(Clone, Default)]
pub(super) struct Expected {
    pub(super) answers: Vec<ExpectedAnswer>,
    /// Method and target of each request that reaches the upstream.
    pub(super) arrivals: Vec<(String, String)>,
    /// What each of them brings after its head.
    pub(super) body: Vec<u8>,
}

#[derive(Clone)]
pub(super) struct ExpectedAnswer {
    pub(super) status: u16,
    pub(super) code: Option<&'static str>,
}

/// Denied by the gate or the server.
pub(super) fn denied(status: u16, code: &'static str) -> Expected {
    Expected { answers: vec![ExpectedAnswer { status, code: Some(code) }], ..Expected::default() }
}

/// Denied because it can be read in two ways.
pub(super) fn ambiguous() -> Expected {
    denied(400, "request-ambiguous")
}

/// Refused by Envoy itself.
pub(super) fn refused(status: u16) -> Expected {
    Expected { answers: vec![ExpectedAnswer { status, code: None }], ..Expected::default() }
}

/// Executed as this.
pub(super) fn executed(method: &str, target: &str) -> Expected {
    Expected { arrivals: vec![(method.to_owned(), target.to_owned())], ..refused(200) }
}

impl Expected {
    /// After that this, on the same connection.
    pub(super) fn and(mut self, next: Expected) -> Expected {
        self.answers.extend(next.answers);
        self.arrivals.extend(next.arrivals);
        self
    }

    /// With this body.
    pub(super) fn body(mut self, body: impl AsRef<[u8]>) -> Expected {
        self.body = body.as_ref().to_vec();
        self
    }
}
