//! The model: it keeps every event and looks at all of them for each answer.

use super::example::{EXP, Event, Link, id};
use crate::history::{Found, Lineage, LineageWarrant, MaySee, Moment, Tally, Wanted};

#[derive(Default)]
pub(super) struct Model {
    events: Vec<(u64, u64, Event)>,
}

impl Model {
    pub(super) fn add(&mut self, at: u64, time: u64, event: &Event) {
        self.events.push((at, time, event.clone()));
    }

    pub(super) fn forget_below(&mut self, from: u64) {
        self.events.retain(|(at, ..)| *at >= from);
    }

    fn found(&self, at: u64, route: Option<&String>) -> Found {
        let outcome = self.events.iter().find_map(|(outcome_at, _, event)| {
            matches!(event, Event::Outcome(of) if *of == at && outcome_at > &at).then_some(*outcome_at)
        });
        Found { index: at, route: route.cloned(), outcome }
    }

    pub(super) fn decision(&self, wanted: &str) -> Option<Found> {
        self.events.iter().find_map(|(at, _, event)| match event {
            Event::Decision { route, .. } if id(*at) == wanted => Some(self.found(*at, route.as_ref())),
            Event::Decision { .. }
            | Event::Issued(_)
            | Event::Outcome(_)
            | Event::Archived(_)
            | Event::Other => None,
        })
    }

    pub(super) fn decisions(&self, wanted: &Wanted, may_see: MaySee<'_>) -> Vec<Found> {
        let mut found = Vec::new();
        for (at, _, event) in self.events.iter().rev() {
            let Event::Decision { route, is_allowed, links } = event else { continue };
            let is = |wanted: &Option<String>, found: Option<&String>| {
                wanted.is_none() || wanted.as_ref() == found
            };
            let codes = if *is_allowed { ["allowed", "permit"] } else { ["expired", "expired"] };
            if is(&wanted.route, route.as_ref())
                && wanted.code.as_deref().is_none_or(|code| codes.contains(&code))
                && is(&wanted.lineage, links.first().map(|root| &root.txn))
                && is(&wanted.holder, links.last().map(|leaf| &leaf.sub))
                && may_see(route.as_deref())
            {
                found.push(self.found(*at, route.as_ref()));
            }
        }
        found
    }

    pub(super) fn lineages(&self, txn: &str, iss: Option<&str>, may_see: MaySee<'_>) -> Vec<Lineage> {
        let mut lineages: Vec<Lineage> = Vec::new();
        // Who may not see everything sees the warrants in the order of the decisions that he may see.
        let all = may_see(None);
        for (at, time, event) in &self.events {
            let (links, decision): (&[Link], _) = match event {
                Event::Decision { route, is_allowed, links } => (links, Some((route, is_allowed))),
                Event::Issued(link) => (std::slice::from_ref(link), None),
                Event::Outcome(_) | Event::Archived(_) | Event::Other => continue,
            };
            let Some(root) = links.first() else { continue };
            if root.txn != txn || iss.is_some_and(|iss| iss != root.iss) {
                continue;
            }
            let known = lineages.iter().position(|lineage| lineage.iss == root.iss);
            let known = known.unwrap_or_else(|| {
                let (iss, txn) = (root.iss.clone(), root.txn.clone());
                lineages.push(Lineage { iss, txn, issued: None, left_out: 0, warrants: vec![] });
                lineages.len() - 1
            });
            let lineage = &mut lineages[known];
            if decision.is_none() {
                lineage.issued.get_or_insert(*at);
            }
            let seen = decision.filter(|(route, _)| may_see(route.as_deref()));
            if seen.is_none() && !all {
                continue;
            }
            let outcome = seen.map(|(_, is_allowed)| if *is_allowed { "allowed" } else { "expired" });
            note(&mut lineage.warrants, "", links, &mut |tally| {
                let Some(outcome) = outcome else { return };
                tally.count += 1;
                *tally.outcomes.entry(outcome.to_owned()).or_default() += 1;
                let moment = Moment { index: *at, time: *time };
                tally.first.get_or_insert(moment);
                tally.last = Some(moment);
                tally.newest.push_front(id(*at));
                tally.newest.truncate(5);
            });
        }
        lineages.sort_by(|one, other| one.iss.cmp(&other.iss));
        lineages.retain(|lineage| !lineage.warrants.is_empty());
        lineages
    }
}

/// Goes down these links, adds those that are not there, and counts at the last one.
fn note(among: &mut Vec<LineageWarrant>, above: &str, links: &[Link], count: &mut dyn FnMut(&mut Tally)) {
    let Some((link, below)) = links.split_first() else { return };
    let known = among.iter().position(|warrant| warrant.jti == link.jti && warrant.sub == link.sub);
    let known = known.unwrap_or_else(|| {
        among.push(LineageWarrant {
            jti: link.jti.clone(),
            path: format!("{above}{}", link.jti),
            sub: link.sub.clone(),
            cnf: link.cnf(),
            exp: EXP,
            uses: None,
            decisions: Tally::default(),
            children: vec![],
        });
        among.len() - 1
    });
    let warrant = &mut among[known];
    if below.is_empty() {
        return count(&mut warrant.decisions);
    }
    let path = format!("{}/", warrant.path);
    note(&mut warrant.children, &path, below, count);
}
