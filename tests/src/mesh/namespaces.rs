//! The namespaces of a mesh. A node has a network, and a pid namespace for all of its mesh: when the process that holds it ends, the
//! kernel ends everything in it, even if the test was killed. Each pod has a network of its own, joined to the node's by a bridge.
//!
//! What a test does itself, like calling a pod or listening in one, it does in a thread that has joined the pod's network.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

use super::NODE;
use crate::process::Process;

/// How long a connection may take. Everything is on this machine.
const CONNECTS_WITHIN: Duration = Duration::from_secs(10);

/// A network namespace of a mesh.
#[derive(Clone, Debug)]
pub struct Network {
    network: Arc<File>,
    life: Arc<Life>,
}

/// The pid namespace of a mesh.
#[derive(Debug)]
struct Life {
    pids: File,
    /// The first process of the pid namespace. It reads its standard input, and ends when this end of it is closed.
    holder: Child,
    open: Option<ChildStdin>,
}

impl Drop for Life {
    fn drop(&mut self) {
        drop(self.open.take());
        // It has no other reason to go on, and an error means that it has ended already.
        let _ = self.holder.wait();
    }
}

impl Network {
    /// The network of a new node: loopback, and a bridge for pods.
    ///
    /// # Panics
    /// When namespaces cannot be made: that needs root.
    #[must_use]
    pub(super) fn node() -> Network {
        let script = format!(
            "ip link set lo up && ip link add br0 type bridge && ip addr add {NODE}/24 dev br0 && ip link set br0 up && echo ready && exec cat"
        );
        let mut holder = Command::new("unshare");
        holder.args(["--net", "--pid", "--fork", "sh", "-c", &script]);
        let (holder, open) = start_holder(holder);
        let network = namespace(&holder, "net");
        let pids = namespace(&holder, "pid_for_children");
        Network { network: Arc::new(network), life: Arc::new(Life { pids, holder, open: Some(open) }) }
    }

    /// The network of a new pod, with this address, joined to the bridge of this one.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub(super) fn pod(&self, address: &str) -> Network {
        let mut holder = Command::new("unshare");
        holder.args(["--net", "sh", "-c", "echo ready && exec cat"]);
        let (mut holder, open) = start_holder(holder);
        let name = format!("v{}", address.rsplit('.').next().expect("an address"));
        let pid = holder.id();
        self.shell(&format!(
            "ip link add {name} type veth peer name eth0 netns {pid} && ip link set {name} master br0 up"
        ));
        let pod = Network { network: Arc::new(namespace(&holder, "net")), life: self.life.clone() };
        // Without the route, a connection to the address of a Service fails before anything can capture it.
        pod.shell(&format!(
            "ip link set lo up && ip addr add {address}/24 dev eth0 && ip link set eth0 up && ip route add default via {NODE}"
        ));
        // The open file keeps the network.
        drop(open);
        holder.wait().expect("a started process can be waited for");
        pod
    }

    /// Starts a program in this network. It ends with the mesh at the latest.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub(super) fn start(&self, name: &'static str, command: Command) -> Process {
        Process::start_by(name, command, |command| {
            self.inside(|| {
                move_into_link_name_space(self.life.pids.as_fd(), Some(LinkNameSpaceType::ProcessID))?;
                command.spawn()
            })
        })
    }

    /// Runs a program in this network until it ends.
    ///
    /// # Panics
    /// When it cannot be started.
    pub(super) fn run(&self, command: &mut Command) -> Output {
        self.inside(|| command.output()).unwrap_or_else(|why| panic!("{command:?}: {why}"))
    }

    /// Runs a line of shell that must succeed.
    pub(super) fn shell(&self, line: &str) -> String {
        let output = self.run(Command::new("sh").args(["-c", line]));
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Connects from this network.
    ///
    /// # Errors
    /// When nothing listens there.
    ///
    /// # Panics
    /// Outside a runtime.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let this = self.clone();
        let connected = tokio::task::spawn_blocking(move || {
            this.inside(|| std::net::TcpStream::connect_timeout(&to, CONNECTS_WITHIN))
        });
        let stream = connected.await.expect("it does not panic")?;
        stream.set_nonblocking(true)?;
        TcpStream::from_std(stream)
    }

    /// Listens on a port of all addresses of this network.
    ///
    /// # Panics
    /// When something else listens there.
    #[must_use]
    pub fn listen(&self, port: u16) -> TcpListener {
        let listener = self.inside(|| std::net::TcpListener::bind(("0.0.0.0", port)));
        let listener = listener.unwrap_or_else(|why| panic!("port {port}: {why}"));
        listener.set_nonblocking(true).expect("a listener can be made so");
        TcpListener::from_std(listener).expect("inside a runtime")
    }

    /// Does something in a thread that has joined this network.
    fn inside<T: Send>(&self, what: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(self.network.as_fd(), Some(LinkNameSpaceType::Network))?;
                what()
            });
            thread.join().expect("it does not panic")
        })
    }
}

/// Starts a process that holds namespaces, and waits until it says that they are there.
fn start_holder(mut command: Command) -> (Child, ChildStdin) {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut holder = spawned.unwrap_or_else(|why| panic!("{command:?}: {why}"));
    let open = holder.stdin.take().expect("it has a pipe");
    let mut said = String::new();
    let output = holder.stdout.take().expect("it has a pipe");
    BufReader::new(output).read_line(&mut said).expect("it says something");
    if said != "ready\n" {
        let output = holder.wait_with_output().expect("a started process can be waited for");
        panic!("no namespaces (a mesh needs root): {}", String::from_utf8_lossy(&output.stderr));
    }
    (holder, open)
}

fn namespace(holder: &Child, kind: &str) -> File {
    let file = format!("/proc/{}/ns/{kind}", holder.id());
    File::open(&file).unwrap_or_else(|why| panic!("{file}: {why}"))
}
