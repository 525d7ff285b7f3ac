//! An upstream that keeps the bytes of what reached it, and answers with bytes that a test chooses: a good answer, a broken
//! one, or none.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What the upstream does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// Whether it reads a request before it does anything else.
    pub reads: bool,
    /// What it writes then.
    pub writes: &'static [u8],
    /// How it ends the connection after that.
    pub end: End,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The upstream closes it.
    Close,
    /// The upstream resets it.
    Reset,
    /// The upstream leaves it open until the proxy closes it.
    StayOpen,
}

/// A good answer.
pub const GOOD: Behaviour = Behaviour {
    reads: true,
    writes: b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\ndone\n",
    end: End::StayOpen,
};

/// A request that reached the upstream, as it arrived.
#[derive(Clone, Debug, Default)]
pub struct Arrival {
    /// Request line and headers.
    pub head: Vec<u8>,
    /// What came after the head: the body as it was sent, and whatever followed it.
    pub rest: Vec<u8>,
}

impl Arrival {
    /// Method and target.
    ///
    /// # Panics
    /// When the proxy wrote no request line.
    #[must_use]
    pub fn line(&self) -> (String, String) {
        let line = self.lines().next().expect("a request line");
        let text = String::from_utf8_lossy(line).into_owned();
        let mut words = text.split(' ').map(str::to_owned);
        let (method, target, rest) = (words.next(), words.next(), words.next());
        assert_eq!((rest.as_deref(), words.next()), (Some("HTTP/1.1"), None), "{text:?}");
        (method.expect("a method"), target.expect("a target"))
    }

    /// All values of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<String> {
        let value = |line: &[u8]| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            line[..colon]
                .eq_ignore_ascii_case(name.as_bytes())
                .then(|| String::from_utf8_lossy(&line[colon + 1..]).trim().to_owned())
        };
        self.lines().skip(1).filter_map(value).collect()
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Whether the whole body is here. The proxy writes the length, or chunks.
    fn is_whole(&self) -> bool {
        match (self.header("content-length").first(), self.header("transfer-encoding").first()) {
            (Some(length), None) => length.parse().is_ok_and(|length: usize| self.rest.len() >= length),
            (None, Some(_)) => self.rest.ends_with(b"0\r\n\r\n"),
            (None, None) => true,
            both @ (Some(_), Some(_)) => panic!("a body with two lengths reached the upstream: {both:?}"),
        }
    }
}

/// A running upstream. It ends with its owner.
#[derive(Debug)]
pub struct RawUpstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    behaviour: Mutex<Behaviour>,
    connections: Mutex<usize>,
    arrivals: Mutex<Vec<Arrival>>,
}

impl RawUpstream {
    /// Listens on a free port, and gives good answers.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start() -> RawUpstream {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(GOOD),
            connections: Mutex::default(),
            arrivals: Mutex::default(),
        });
        let task = tokio::spawn(serve(listener, shared.clone()));
        RawUpstream { address, shared, task }
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Behaves like this from the next connection on.
    ///
    /// # Panics
    /// When the upstream itself panicked.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    /// Everything that reached the upstream, in order.
    ///
    /// # Panics
    /// When the upstream itself panicked.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.arrivals.lock().unwrap().clone()
    }

    /// How many connections it has accepted.
    ///
    /// # Panics
    /// When the upstream itself panicked.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.shared.connections.lock().unwrap()
    }

    /// Stops listening, so that the kernel refuses every connection.
    pub async fn refuse_connections(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for RawUpstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // A set, so that the connections end with the upstream.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        *shared.connections.lock().unwrap() += 1;
        let behaviour = *shared.behaviour.lock().unwrap();
        connections.spawn(converse(stream, behaviour, shared.clone()));
    }
}

async fn converse(mut stream: TcpStream, behaviour: Behaviour, shared: Arc<Shared>) {
    let mut buffer = Vec::new();
    let mut number = None;
    let add = |bytes: &mut Vec<u8>, number: &mut Option<usize>| {
        let mut arrivals = shared.arrivals.lock().unwrap();
        if let (None, Some(end)) = (*number, bytes.windows(4).position(|four| four == b"\r\n\r\n")) {
            // It counts as soon as its headers are here.
            *number = Some(arrivals.len());
            arrivals.push(Arrival { head: bytes.drain(..end + 4).collect(), rest: Vec::new() });
        }
        let arrival = number.and_then(|number| arrivals.get_mut(number));
        arrival.is_some_and(|arrival| {
            arrival.rest.append(bytes);
            arrival.is_whole()
        })
    };
    while behaviour.reads && !add(&mut buffer, &mut number) {
        if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
            return;
        }
    }
    if stream.write_all(behaviour.writes).await.is_err() {
        return;
    }
    match behaviour.end {
        End::Close => {}
        End::Reset => stream.set_zero_linger().expect("a socket takes this option"),
        End::StayOpen => {
            while stream.read_buf(&mut buffer).await.is_ok_and(|length| length > 0) {
                add(&mut buffer, &mut number);
            }
        }
    }
}
