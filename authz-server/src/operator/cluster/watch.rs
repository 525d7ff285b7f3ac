//! Lists and watches the GovernedRoutes of all namespaces, and tells when the complete list changed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::ListParams;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client};
use tokio::sync::watch::Sender;
use tokio::time::Instant;
use tokio_stream::StreamExt;
use tracing::{info, warn};

use super::governed_route::GovernedRoute;
use super::{CallError, answered, told};
use crate::complaint::Complaint;
use crate::operator::gather::{Event, Gathered};
use crate::operator::objects::CompleteList;

/// How many objects are asked for at once. Each may have a megabyte.
const PAGE: u32 = 50;
/// A list that could have more in it than before is read again this often at most.
const LIST_EVERY: Duration = Duration::from_secs(30);

/// The objects as they are known now. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct WatchedRoutes {
    gathered: Arc<Mutex<Gathered>>,
    /// Why the cluster cannot be watched, if it cannot.
    pub broken: Arc<Complaint>,
    /// Since when.
    broken_since: Arc<Mutex<Option<Instant>>>,
}

impl WatchedRoutes {
    /// Asks, or changes, what was gathered. The lock never leaves this function: a `match` would hold it
    /// until its end, and a second question in it would wait for ever.
    pub fn gathered<T>(&self, ask: impl FnOnce(&mut Gathered) -> T) -> T {
        // Only complete values are stored under this lock.
        ask(&mut self.gathered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// For how long the cluster could not be watched.
    pub fn broken_for(&self) -> Option<Duration> {
        self.since().map(|since| since.elapsed())
    }

    /// Notes that it cannot be watched since now, or longer. Returns true if the reason changed.
    pub fn break_with(&self, why: &str, now: Instant) -> bool {
        self.since().get_or_insert(now);
        self.broken.raise(why)
    }

    /// Notes that it is watched. Returns true if it was not.
    pub fn mend(&self) -> bool {
        self.since().take();
        self.broken.clear()
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.broken_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches while the operator runs. `changed` gets a higher number with each change of the complete list.
pub async fn watch(client: Client, routes: WatchedRoutes, changed: Sender<u64>) {
    loop {
        watch_until_there_is_room(&client, &routes, &changed).await;
    }
}

/// Ends when there is room again for objects that were left out: only a new list brings them.
async fn watch_until_there_is_room(client: &Client, routes: &WatchedRoutes, changed: &Sender<u64>) {
    let config = watcher::Config::default().page_size(PAGE);
    let api = Api::<GovernedRoute>::all(client.clone());
    let mut events = std::pin::pin!(watcher(api, config).default_backoff());
    let mut ticks = tokio::time::interval(LIST_EVERY);
    ticks.reset();
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = ticks.tick() => {
                if routes.gathered(|seen| seen.wants_new_list()) {
                    return;
                }
                continue;
            }
        };
        let Some(event) = event else { return };
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                let why = format!("cannot watch GovernedRoutes: {}", told(&error));
                if routes.break_with(&why, Instant::now()) {
                    warn!("{why}");
                }
                continue;
            }
        };
        if routes.mend() {
            info!("GovernedRoutes are watched again");
        }
        if routes.gathered(|seen| seen.note(of_client(event))) {
            changed.send_modify(|number| *number = number.saturating_add(1));
        }
    }
}

fn of_client(event: watcher::Event<GovernedRoute>) -> Event {
    match event {
        watcher::Event::Init => Event::Begin,
        watcher::Event::InitApply(object) => Event::Listed(object.into_seen()),
        watcher::Event::InitDone => Event::Complete,
        watcher::Event::Apply(object) => Event::Changed(object.into_seen()),
        watcher::Event::Delete(object) => Event::Gone(object.key()),
    }
}

/// All objects of the cluster, read once to the last page.
pub async fn list_once(client: Client) -> Result<CompleteList, CallError> {
    let api = Api::<GovernedRoute>::all(client);
    let mut parameters = ListParams::default().limit(PAGE);
    let mut all = Vec::new();
    loop {
        let page = answered(api.list(&parameters)).await?;
        all.extend(page.items.into_iter().map(|object| object.into_seen().object));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(CompleteList::of_finished(all)),
        }
    }
}
