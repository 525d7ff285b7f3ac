//! A lineage: the warrants that were seen or issued with one `txn`, as a tree, and the decisions under each.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use serde::Serialize;
use utoipa::ToSchema;

use super::MaySee;
use super::index::{Index, SeenRoutes};
use super::segment::{DecisionRow, LineageId, Segment, WarrantId, WarrantRow};
use crate::schema::DecisionId;

/// So many ids of decisions are named at a warrant.
const NEWEST: usize = 5;

/// An answer has at most this many warrants: those that were seen first. It then has a few megabytes.
const WARRANTS_AT_MOST: usize = 5_000;

/// The warrants that came from roots with one `txn`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Lineage {
    pub iss: String,
    pub txn: String,
    /// The index of the entry that records that the root was issued; `null` if another authority issued it, or before the
    /// oldest entry that is known.
    #[schema(required)]
    pub issued: Option<u64>,
    /// Decisions under warrants for which the answer has no room.
    pub left_out: u64,
    /// The roots.
    pub warrants: Vec<LineageWarrant>,
}

/// A warrant, the decisions about it, and the warrants that were delegated from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LineageWarrant {
    pub jti: String,
    /// The `jti`s from the root to here, joined with `/`: a revocation names a warrant by it.
    pub path: String,
    /// The holder.
    pub sub: String,
    /// The thumbprint of the holder's key.
    pub cnf: String,
    /// When it expires, in seconds.
    pub exp: u64,
    /// How often it may be used; `null` for no limit.
    #[serde(rename = "use")]
    #[schema(required)]
    pub uses: Option<u64>,
    /// The decisions about requests that presented exactly this warrant.
    pub decisions: Tally,
    /// The warrants that were delegated from it.
    #[schema(no_recursion)]
    pub children: Vec<LineageWarrant>,
}

/// Decisions, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// How many there are of each outcome.
    pub outcomes: BTreeMap<String, u64>,
    #[schema(required)]
    pub first: Option<Moment>,
    #[schema(required)]
    pub last: Option<Moment>,
    /// The ids of the newest ones, the newest first.
    #[schema(value_type = Vec<DecisionId>, max_items = 5)]
    pub newest: VecDeque<String>,
}

/// When a decision was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Moment {
    /// The index of its entry.
    pub index: u64,
    /// In milliseconds.
    pub time: u64,
}

impl Index {
    /// One lineage for each issuer, sorted by it. Warrants without a decision in sight are only for who may see everything of the
    /// mesh.
    pub(super) fn lineages(&self, txn: &str, iss: Option<&str>, may_see: MaySee<'_>) -> Vec<Lineage> {
        let mut trees: Vec<Tree> = Vec::new();
        let shows_all = may_see(None);
        for segment in &self.segments {
            for (id, of, issued) in segment.lineages_of(txn) {
                if iss.is_some_and(|iss| iss != of) {
                    continue;
                }
                let known = trees.iter().position(|tree| tree.lineage.iss == of);
                let mut tree =
                    known.map_or_else(|| Tree::new(of, txn), |position| trees.swap_remove(position));
                tree.lineage.issued = tree.lineage.issued.or(issued);
                let mut places = Places::new();
                if shows_all {
                    tree.add_warrants(segment, id, &mut places);
                }
                tree.add_decisions(segment, id, self.span().from, may_see, &mut places);
                trees.push(tree);
            }
        }
        trees.sort_by(|one, other| one.lineage.iss.cmp(&other.lineage.iss));
        trees.into_iter().filter_map(Tree::finish).collect()
    }
}

/// A lineage in the making.
struct Tree {
    lineage: Lineage,
    /// A parent is before its children.
    nodes: Vec<Node>,
    /// The positions of the nodes, by the hash of their names. Segments have other numbers for the same texts.
    positions: HashTable<usize>,
    hashes: RandomState,
}

/// Where the warrants of a segment are; `None` if there was no room.
type Places = HashMap<WarrantId, Option<usize>>;

struct Node {
    parent: Option<usize>,
    warrant: LineageWarrant,
}

impl Node {
    /// What makes it another warrant than any other.
    fn name(&self) -> NodeName<'_> {
        let LineageWarrant { jti, sub, cnf, .. } = &self.warrant;
        NodeName { parent: self.parent, jti, sub, cnf }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct NodeName<'a> {
    /// The position of the parent; `None` for a root.
    parent: Option<usize>,
    jti: &'a str,
    sub: &'a str,
    cnf: &'a str,
}

impl Tree {
    fn new(iss: &str, txn: &str) -> Tree {
        let (iss, txn) = (iss.to_owned(), txn.to_owned());
        let lineage = Lineage { iss, txn, issued: None, left_out: 0, warrants: Vec::new() };
        Tree { lineage, nodes: Vec::new(), positions: HashTable::new(), hashes: RandomState::new() }
    }

    /// Adds every warrant that a segment knows of this lineage, with or without a decision.
    fn add_warrants(&mut self, segment: &Segment, id: LineageId, places: &mut Places) {
        for warrant in segment.warrants_of(id) {
            self.place_of(segment, warrant, places);
        }
    }

    /// Adds the decisions of a segment that may be seen, from this entry on, and the warrants that lead to them. The others take
    /// no room.
    fn add_decisions(
        &mut self,
        segment: &Segment,
        id: LineageId,
        from: u64,
        may_see: MaySee<'_>,
        places: &mut Places,
    ) {
        let mut seen = SeenRoutes::of(segment);
        for (row, id) in segment.decisions_of(id) {
            if row.index < from || !seen.may_see(row.route, may_see) {
                continue;
            }
            let place = row.warrant.and_then(|warrant| self.place_of(segment, warrant, places));
            match place.and_then(|place| self.nodes.get_mut(place)) {
                Some(node) => node.warrant.decisions.add(row, id, segment.text(row.outcome)),
                None => self.lineage.left_out = self.lineage.left_out.saturating_add(1),
            }
        }
    }

    /// The place of a warrant of a segment, below those of its parents. `None` if there is no room.
    fn place_of(&mut self, segment: &Segment, warrant: WarrantId, places: &mut Places) -> Option<usize> {
        let mut unplaced = Vec::new();
        let mut above = Some(warrant);
        while let Some(id) = above.filter(|id| !places.contains_key(id)) {
            let row = segment.warrant_at(id)?;
            unplaced.push((id, row));
            above = row.name.parent;
        }
        let mut place = above.and_then(|id| places.get(&id)).copied().flatten();
        for (id, row) in unplaced.into_iter().rev() {
            // Below a warrant without a place there is none.
            place = if row.name.parent.is_some() && place.is_none() {
                None
            } else {
                self.place(segment, place, row)
            };
            places.insert(id, place);
        }
        place
    }

    fn place(&mut self, segment: &Segment, parent: Option<usize>, row: &WarrantRow) -> Option<usize> {
        let [jti, sub, cnf] = [row.name.jti, row.name.sub, row.name.cnf].map(|text| segment.text(text));
        let name = NodeName { parent, jti, sub, cnf };
        let Tree { nodes, positions, hashes, .. } = self;
        let hash = hashes.hash_one(name);
        let is_it = |place: &usize| nodes.get(*place).is_some_and(|node| node.name() == name);
        if let Some(known) = positions.find(hash, is_it) {
            return Some(*known);
        }
        let place = nodes.len();
        if place >= WARRANTS_AT_MOST {
            return None;
        }
        let above = parent.and_then(|parent| nodes.get(parent)).map(|node| &node.warrant.path);
        let warrant = LineageWarrant {
            path: above.map_or_else(|| jti.to_owned(), |above| format!("{above}/{jti}")),
            jti: jti.to_owned(),
            sub: sub.to_owned(),
            cnf: cnf.to_owned(),
            exp: row.exp,
            uses: row.uses,
            decisions: Tally::default(),
            children: Vec::new(),
        };
        nodes.push(Node { parent, warrant });
        let rehash = |place: &usize| nodes.get(*place).map_or(0, |node| hashes.hash_one(node.name()));
        positions.insert_unique(hash, place, rehash);
        Some(place)
    }

    /// The lineage with its warrants nested; `None` if it has none.
    fn finish(self) -> Option<Lineage> {
        let Tree { mut lineage, mut nodes, .. } = self;
        while let Some(Node { parent, mut warrant }) = nodes.pop() {
            // They came in from the last to the first.
            warrant.children.reverse();
            match parent.and_then(|parent| nodes.get_mut(parent)) {
                Some(parent) => parent.warrant.children.push(warrant),
                None => lineage.warrants.push(warrant),
            }
        }
        lineage.warrants.reverse();
        (!lineage.warrants.is_empty()).then_some(lineage)
    }
}

impl Tally {
    /// Adds a decision that is newer than the others.
    fn add(&mut self, row: &DecisionRow, id: &str, outcome: &str) {
        self.count = self.count.saturating_add(1);
        match self.outcomes.get_mut(outcome) {
            Some(count) => *count = count.saturating_add(1),
            None => drop(self.outcomes.insert(outcome.to_owned(), 1)),
        }
        let moment = Moment { index: row.index, time: row.time };
        self.first.get_or_insert(moment);
        self.last = Some(moment);
        self.newest.truncate(NEWEST.saturating_sub(1));
        self.newest.push_front(id.to_owned());
    }
}
