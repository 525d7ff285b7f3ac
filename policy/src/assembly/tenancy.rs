//! Checks grounds: each team writes routes only for the hosts and paths that it owns.

use std::path::Path;

use crate::documents::files::Documents;
use crate::documents::route::RouteDoc;
use crate::documents::teams::{Ground, Team};
use crate::fault::{Faults, FileFaults, Placed};
use crate::matching::Pattern;
use crate::routes::Hosts;

/// Nothing is checked against a ground that has a fault.
pub(super) fn check_grounds(documents: &Documents, hosts: &Hosts, faults: &Faults) {
    let Some(teams) = &documents.teams else { return };
    check_owners(documents, faults);
    let is_known = |team: &&Team| !team.broken.has("ground") && !team.broken.has("platform");
    let grounds = Grounds { documents, hosts };
    for route in &documents.routes {
        let Some(owner) = teams.list.iter().find(|team| team.name.value == route.team).filter(is_known)
        else {
            continue;
        };
        let faults = faults.in_file(&route.file);
        if owner.is_platform && route.ungoverned.is_some() {
            grounds.check_opening(route, faults);
        } else if !owner.is_platform && is_on_ground(route) {
            grounds.check_route(route, owner, faults);
        }
    }
}

/// For an ungoverned route the team's allowance decides, and not its ground.
fn is_on_ground(route: &RouteDoc) -> bool {
    !route.is_open() && !route.broken.has("ungoverned")
}

fn check_owners(documents: &Documents, faults: &Faults) {
    let file = documents.top("teams");
    let grounds: Vec<_> = all_grounds(documents).collect();
    for (position, (team, ground)) in grounds.iter().enumerate() {
        let same = |other: &Ground| {
            other.host.value == ground.host.value && other.prefix.value.steps() == ground.prefix.value.steps()
        };
        if let Some((other, _)) = grounds.iter().take(position).find(|(_, earlier)| same(earlier)) {
            let what = format!(
                "{}{} also belongs to the ground of team `{}`",
                ground.host.value,
                ground.prefix.value.text(),
                other.name.value
            );
            let instead = if other.name.value == team.name.value {
                "keep one of them".to_owned()
            } else {
                format!("give it to either `{}` or `{}`", other.name.value, team.name.value)
            };
            faults.in_file(Path::new(&file)).fault(ground.prefix.at, what, instead);
        }
    }
}

fn all_grounds(documents: &Documents) -> impl Iterator<Item = (&Team, &Ground)> {
    let teams = documents.teams.iter().flat_map(|teams| &teams.list);
    teams.flat_map(|team| team.ground.iter().map(move |ground| (team, ground)))
}

/// The grounds of a bundle, and the canonical names of their hosts. An alias is a fault of its own, not one of grounds.
struct Grounds<'a> {
    documents: &'a Documents,
    hosts: &'a Hosts,
}

impl Grounds<'_> {
    fn is_on_host(&self, ground: &Ground, host: &str) -> bool {
        let canonical = |name| self.hosts.canonical(name).unwrap_or(name);
        canonical(&ground.host.value) == canonical(host)
    }

    fn check_route(&self, route: &RouteDoc, team: &Team, faults: FileFaults<'_>) {
        for item in &route.matches {
            for host in &item.hosts {
                for path in &item.paths {
                    self.check_path(team, &host.value, path, faults);
                }
            }
        }
    }

    /// What passes without a warrant on the ground of a team is said path by path. Otherwise a team that removes a route of its own
    /// would open what was governed by it.
    fn check_opening(&self, route: &RouteDoc, faults: FileFaults<'_>) {
        let paths = route.matches.iter().flat_map(|item| {
            item.hosts.iter().flat_map(|host| item.paths.iter().map(move |path| (&host.value, path)))
        });
        for (host, path) in paths {
            let of_others = all_grounds(self.documents).filter(|(team, _)| !team.is_platform);
            for (team, ground) in of_others.filter(|(_, ground)| self.is_on_host(ground, host)) {
                let (pattern, prefix) = (&path.value, &ground.prefix.value);
                let is_below = pattern.is_below(prefix);
                if (is_below && pattern.is_open()) || (!is_below && pattern.reaches(prefix)) {
                    let what = format!(
                        "{host}{} would let whatever matches on {}, the ground of team `{}`, pass without a warrant",
                        pattern.text(),
                        prefix.text(),
                        team.name.value
                    );
                    faults.fault(
                        path.at,
                        what,
                        "write each path there without `**`, or stay outside of the ground",
                    );
                }
            }
        }
    }

    fn check_path(&self, team: &Team, host: &str, path: &Placed<Pattern>, faults: FileFaults<'_>) {
        let Some(own) = team
            .ground
            .iter()
            .filter(|ground| self.is_on_host(ground, host))
            .filter(|ground| path.value.is_below(&ground.prefix.value))
            .max_by_key(|ground| ground.prefix.value.steps().len())
        else {
            let what =
                format!("{host}{} is outside the ground of team `{}`", path.value.text(), team.name.value);
            let file = self.documents.top("teams");
            let instead =
                format!("use a path on its ground in {file}, or ask the platform team to extend it");
            return faults.fault(path.at, what, instead);
        };
        // An inner ground belongs only to its owner. A ground around the route's own ground is not an inner one.
        let inner = |ground: &Ground| {
            ground.prefix.value.steps().len() > own.prefix.value.steps().len()
                && path.value.reaches(&ground.prefix.value)
        };
        for (other, ground) in all_grounds(self.documents).filter(|(other, ground)| {
            other.name.value != team.name.value && self.is_on_host(ground, host) && inner(ground)
        }) {
            let what = format!(
                "{host}{} could match inside {}, the ground of team `{}`",
                path.value.text(),
                ground.prefix.value.text(),
                other.name.value
            );
            faults.fault(path.at, what, "narrow the pattern so that it cannot match there");
        }
    }
}
