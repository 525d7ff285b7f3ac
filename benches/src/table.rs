//! The figures, added up and laid out.

use std::time::Duration;

/// What one contender's requests cost.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: &'static str,
    pub requests: usize,
    pub envoy: Duration,
    /// None where there is no server beside Envoy.
    pub server: Option<Duration>,
    pub wall: Duration,
}

impl Row {
    #[must_use]
    pub fn new(name: &'static str, has_server: bool) -> Row {
        Row {
            name,
            requests: 0,
            envoy: Duration::ZERO,
            server: has_server.then_some(Duration::ZERO),
            wall: Duration::ZERO,
        }
    }

    /// Adds one round.
    pub fn add(&mut self, requests: usize, envoy: Duration, server: Option<Duration>, wall: Duration) {
        self.requests += requests;
        self.envoy += envoy;
        self.server = self.server.zip(server).map(|(sum, more)| sum + more);
        self.wall += wall;
    }

    fn each(&self, total: Duration) -> f64 {
        total.as_secs_f64() * 1e6 / self.requests as f64
    }

    fn both(&self) -> f64 {
        self.each(self.envoy + self.server.unwrap_or_default())
    }
}

/// Prints every row with its ratio to the first, and to the one called `rival`.
///
/// # Panics
/// When there is no such row.
pub fn print(rows: &[Row], rival: &str) {
    let bare = rows.first().expect("a table has rows").both();
    let beside = rows.iter().find(|row| row.name == rival).expect("the rival is among the rows").both();
    println!(
        "CPU microseconds a request, from /proc/PID/stat; {} connections, one Envoy worker",
        crate::load::CONNECTIONS
    );
    println!(
        "{:<44} {:>7} {:>7} {:>7} {:>9} {:>9} {:>8}",
        "", "Envoy", "server", "both", "x nothing", "x ext_authz", "wall/s"
    );
    for row in rows {
        let server = row.server.map_or_else(|| "-".to_owned(), |total| format!("{:.1}", row.each(total)));
        println!(
            "{:<44} {:>7.1} {:>7} {:>7.1} {:>9.2} {:>11.2} {:>8.0}",
            row.name,
            row.each(row.envoy),
            server,
            row.both(),
            row.both() / bare,
            row.both() / beside,
            row.requests as f64 / row.wall.as_secs_f64(),
        );
    }
}
