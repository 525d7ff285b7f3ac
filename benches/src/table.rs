//! The measured costs of each contender, and the printed table.

use std::time::Duration;

/// The costs of one contender's requests.
#[derive(Clone, Debug)]
pub struct Costs {
    pub name: &'static str,
    pub requests: usize,
    pub envoy: Duration,
    /// None if the contender has no server.
    pub server: Option<Duration>,
    pub wall: Duration,
}

impl Costs {
    #[must_use]
    pub fn new(name: &'static str, has_server: bool) -> Costs {
        Costs {
            name,
            requests: 0,
            envoy: Duration::ZERO,
            server: has_server.then_some(Duration::ZERO),
            wall: Duration::ZERO,
        }
    }

    /// Adds the costs of one round.
    pub fn add(&mut self, requests: usize, envoy: Duration, server: Option<Duration>, wall: Duration) {
        self.requests += requests;
        self.envoy += envoy;
        self.server = self.server.zip(server).map(|(sum, more)| sum + more);
        self.wall += wall;
    }

    fn each(&self, total: Duration) -> f64 {
        total.as_secs_f64() * 1e6 / self.requests as f64
    }

    /// Microseconds of a request in the server.
    #[must_use]
    pub fn of_server(&self) -> f64 {
        self.each(self.server.unwrap_or_default())
    }

    fn both(&self) -> f64 {
        self.each(self.envoy + self.server.unwrap_or_default())
    }
}

/// Prints how much more the first of two contenders costs Envoy than the second, compared with what the one called `filter` adds to
/// the first of all.
///
/// # Panics
/// When there is no such contender.
pub fn print_difference(all: &[Costs], what: &str, (with, without): (&str, &str), filter: &str) {
    let bare = all.first().expect("there is a first contender");
    let of_envoy = |costs: &Costs| costs.each(costs.envoy);
    let more = of_envoy(find(all, with)) - of_envoy(find(all, without));
    let filter = of_envoy(find(all, filter)) - of_envoy(bare);
    println!("{what} add {more:.1} µs to Envoy: {:.1} times what the filter adds", more / filter);
}

fn find<'a>(all: &'a [Costs], name: &str) -> &'a Costs {
    all.iter().find(|costs| costs.name == name).expect("it is a contender")
}

/// Prints the costs of every contender, and their ratio to the first contender and to the one called `rival`. Also how much each
/// adds to Envoy, compared with what the one called `filter` adds.
///
/// # Panics
/// When there is no such contender.
pub fn print(all: &[Costs], rival: &str, filter: &str) {
    let bare = all.first().expect("there is a first contender").both();
    let rival = find(all, rival).both();
    let added = |costs: &Costs| costs.each(costs.envoy) - bare;
    let filter = added(find(all, filter));
    println!(
        "CPU microseconds per request, from /proc/PID/stat; {} connections, one Envoy worker",
        crate::load::CONNECTIONS
    );
    println!(
        "{:<44} {:>7} {:>7} {:>7} {:>9} {:>11} {:>14} {:>8}",
        "", "Envoy", "server", "both", "x nothing", "x ext_authz", "adds, x filter", "wall/s"
    );
    for costs in all {
        let server = costs.server.map_or_else(|| "-".to_owned(), |total| format!("{:.1}", costs.each(total)));
        println!(
            "{:<44} {:>7.1} {:>7} {:>7.1} {:>9.2} {:>11.2} {:>14.1} {:>8.0}",
            costs.name,
            costs.each(costs.envoy),
            server,
            costs.both(),
            costs.both() / bare,
            costs.both() / rival,
            added(costs) / filter,
            costs.requests as f64 / costs.wall.as_secs_f64(),
        );
    }
}
