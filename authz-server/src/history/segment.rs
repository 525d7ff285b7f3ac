//! A part of the index: the decisions and warrants of some entries in a row. It is added to until it is full, and later
//! forgotten as a whole, so that the index has a bound without anything that must be counted or moved.

use std::collections::HashMap;
use std::num::NonZeroU32;

use super::glance::{DecisionGlance, LinkGlance};
use super::texts::{TextId, Texts};
use super::{Found, Wanted};

/// What the index keeps of a decision. Its id is the text of the same position.
#[derive(Clone, Copy, Debug)]
pub(super) struct DecisionRow {
    pub(super) index: u64,
    /// In milliseconds.
    pub(super) time: u64,
    /// The index of its outcome; 0 until there is one, because entry 0 begins the log.
    outcome_at: u64,
    pub(super) outcome: TextId,
    verdict: TextId,
    pub(super) route: Option<TextId>,
    /// The last link of its warrant.
    pub(super) warrant: Option<WarrantId>,
    /// The decision before it of the same lineage.
    before: Option<Ordinal>,
}

/// A warrant: one link, at its place below the root. Links with the same path but another holder or key are other warrants,
/// because a holder may sign two with one `jti`.
#[derive(Clone, Copy, Debug)]
pub(super) struct WarrantRow {
    pub(super) name: WarrantName,
    pub(super) exp: u64,
    pub(super) uses: Option<u64>,
    /// The warrant before it of the same lineage.
    before: Option<Ordinal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct WarrantName {
    pub(super) lineage: LineageId,
    /// `None` for a root.
    pub(super) parent: Option<WarrantId>,
    pub(super) jti: TextId,
    pub(super) sub: TextId,
    /// The thumbprint of the holder's key.
    pub(super) cnf: TextId,
}

#[derive(Clone, Copy, Debug)]
struct LineageRow {
    name: LineageName,
    /// The index of the entry that records that it was issued.
    issued: Option<u64>,
    /// The last of its warrants and of its decisions. Each names the one before it, so a lineage is read without looking at all
    /// the others.
    last_warrant: Option<Ordinal>,
    last_decision: Option<Ordinal>,
}

/// A position, counted from one.
type Ordinal = NonZeroU32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct LineageName {
    iss: TextId,
    txn: TextId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct WarrantId(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LineageId(u32);

#[derive(Debug)]
pub(super) struct Segment {
    /// Its entries: from this one, up to but not including that one.
    pub(super) first: u64,
    pub(super) end: u64,
    decisions: Vec<DecisionRow>,
    ids: Texts,
    texts: Texts,
    lineages: Vec<LineageRow>,
    /// A parent is before its children.
    warrants: Vec<WarrantRow>,
    /// Empty once it is closed.
    lineage_ids: HashMap<LineageName, LineageId>,
    warrant_ids: HashMap<WarrantName, WarrantId>,
}

impl WarrantId {
    pub(super) fn position(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl LineageId {
    pub(super) fn position(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// The number of what is added next. A segment is closed long before there are so many.
fn next(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The position of what is added next, counted from one.
fn ordinal(count: usize) -> Option<Ordinal> {
    NonZeroU32::new(next(count).saturating_add(1))
}

/// The positions from the last one back to the first, in the order of adding.
fn positions(last: Option<Ordinal>, before: impl Fn(usize) -> Option<Ordinal>) -> Vec<usize> {
    let position = |at: Ordinal| usize::try_from(at.get().saturating_sub(1)).unwrap_or(usize::MAX);
    let back = std::iter::successors(last.map(position), |at| before(*at).map(position));
    let mut positions: Vec<usize> = back.collect();
    positions.reverse();
    positions
}

impl Segment {
    pub(super) fn beginning_at(first: u64) -> Segment {
        Segment {
            first,
            end: first,
            decisions: Vec::new(),
            ids: Texts::default(),
            texts: Texts::default(),
            lineages: Vec::new(),
            warrants: Vec::new(),
            lineage_ids: HashMap::new(),
            warrant_ids: HashMap::new(),
        }
    }

    pub(super) fn add_decision(&mut self, index: u64, time: u64, decision: &DecisionGlance<'_>) {
        let warrant = self.chain(&decision.chain);
        let at = ordinal(self.decisions.len());
        let lineage = warrant.and_then(|warrant| self.lineage_of(warrant));
        let before = lineage.and_then(|lineage| std::mem::replace(&mut lineage.last_decision, at));
        self.ids.push(&decision.id);
        self.decisions.push(DecisionRow {
            index,
            time,
            outcome_at: 0,
            outcome: self.texts.intern(&decision.outcome),
            verdict: self.texts.intern(&decision.verdict.code),
            route: decision.verdict.route.as_ref().map(|route| self.texts.intern(route)),
            warrant,
            before,
        });
    }

    pub(super) fn add_issued(&mut self, index: u64, root: &LinkGlance<'_>) {
        let Some(warrant) = self.chain(std::slice::from_ref(root)) else { return };
        if let Some(lineage) = self.lineage_of(warrant) {
            lineage.issued.get_or_insert(index);
        }
    }

    fn lineage_of(&mut self, warrant: WarrantId) -> Option<&mut LineageRow> {
        let id = self.warrants.get(warrant.position())?.name.lineage;
        self.lineages.get_mut(id.position())
    }

    /// The last link. Without a root there is none.
    fn chain(&mut self, links: &[LinkGlance<'_>]) -> Option<WarrantId> {
        let root = links.first()?;
        let (iss, txn) = (root.iss.as_deref()?, root.txn.as_deref()?);
        let (iss, txn) = (self.texts.intern(iss), self.texts.intern(txn));
        let lineage = self.lineage(LineageName { iss, txn });
        links.iter().fold(None, |parent, link| {
            let [jti, sub, cnf] = [&link.jti, &link.sub, &link.cnf].map(|text| self.texts.intern(text));
            Some(self.warrant(WarrantName { lineage, parent, jti, sub, cnf }, link))
        })
    }

    fn lineage(&mut self, name: LineageName) -> LineageId {
        *self.lineage_ids.entry(name).or_insert_with(|| {
            let id = LineageId(next(self.lineages.len()));
            self.lineages.push(LineageRow { name, issued: None, last_warrant: None, last_decision: None });
            id
        })
    }

    fn warrant(&mut self, name: WarrantName, link: &LinkGlance<'_>) -> WarrantId {
        *self.warrant_ids.entry(name).or_insert_with(|| {
            let (id, at) = (WarrantId(next(self.warrants.len())), ordinal(self.warrants.len()));
            let lineage = self.lineages.get_mut(name.lineage.position());
            let before = lineage.and_then(|lineage| std::mem::replace(&mut lineage.last_warrant, at));
            self.warrants.push(WarrantRow { name, exp: link.exp, uses: link.uses, before });
            id
        })
    }

    /// Notes the first outcome of a decision. The decision may be older than everything here.
    pub(super) fn note_outcome(&mut self, decision: u64, at: u64) {
        let found = self.decisions.binary_search_by_key(&decision, |row| row.index).ok();
        if let Some(row) = found.and_then(|position| self.decisions.get_mut(position))
            && row.outcome_at == 0
        {
            row.outcome_at = at;
        }
    }

    /// Nothing more is added, except for outcomes.
    pub(super) fn close(&mut self) {
        self.decisions.shrink_to_fit();
        self.lineages.shrink_to_fit();
        self.warrants.shrink_to_fit();
        self.ids.close();
        self.texts.close();
        (self.lineage_ids, self.warrant_ids) = (HashMap::new(), HashMap::new());
    }

    /// The bytes that it takes once it is closed.
    pub(super) fn size(&self) -> usize {
        size_of_val(&*self.decisions)
            .saturating_add(size_of_val(&*self.warrants))
            .saturating_add(size_of_val(&*self.lineages))
            .saturating_add(self.ids.size())
            .saturating_add(self.texts.size())
    }

    pub(super) fn text(&self, id: TextId) -> &str {
        self.texts.get(id)
    }

    /// The lineages with this `txn`: the number of each, its issuer, and where it was issued.
    pub(super) fn lineages_of(&self, txn: &str) -> impl Iterator<Item = (LineageId, &str, Option<u64>)> {
        let txn = self.texts.find(txn);
        let rows = (0..).map(LineageId).zip(&self.lineages);
        rows.filter(move |(_, row)| Some(row.name.txn) == txn)
            .map(|(id, row)| (id, self.text(row.name.iss), row.issued))
    }

    /// The warrants of a lineage, a parent before its children.
    pub(super) fn warrants_of(&self, id: LineageId) -> impl Iterator<Item = WarrantId> {
        let last = self.lineages.get(id.position()).and_then(|row| row.last_warrant);
        positions(last, |at| self.warrants.get(at)?.before).into_iter().map(|at| WarrantId(next(at)))
    }

    pub(super) fn warrant_at(&self, id: WarrantId) -> Option<&WarrantRow> {
        self.warrants.get(id.position())
    }

    /// The decisions under a lineage with their ids, the oldest first.
    pub(super) fn decisions_of(&self, id: LineageId) -> impl Iterator<Item = (&DecisionRow, &str)> {
        let last = self.lineages.get(id.position()).and_then(|row| row.last_decision);
        let found = positions(last, |at| self.decisions.get(at)?.before);
        found.into_iter().filter_map(|at| Some((self.decisions.get(at)?, self.ids.at(at))))
    }

    /// The decision with this id.
    pub(super) fn find(&self, id: &str) -> Option<&DecisionRow> {
        self.decisions.get(self.ids.find(id)?.position())
    }

    pub(super) fn found(&self, row: &DecisionRow) -> Found {
        Found {
            index: row.index,
            route: row.route.map(|route| self.text(route).to_owned()),
            outcome: Some(row.outcome_at).filter(|at| *at > 0),
        }
    }

    /// The decisions that are wanted, the newest first.
    pub(super) fn wanted(&self, wanted: &Wanted) -> impl Iterator<Item = &DecisionRow> {
        let rows = self.selection(wanted).map(|selection| {
            let rows = self.decisions.iter().rev();
            rows.filter(move |row| selection.selects(self, row))
        });
        rows.into_iter().flatten()
    }

    /// `None` if a text that is wanted is not here, so that nothing is.
    fn selection(&self, wanted: &Wanted) -> Option<Selection> {
        let id = |text: &Option<String>| match text {
            Some(text) => self.texts.find(text).map(Some),
            None => Some(None),
        };
        Some(Selection {
            route: id(&wanted.route)?,
            code: id(&wanted.code)?,
            lineage: id(&wanted.lineage)?,
            holder: id(&wanted.holder)?,
        })
    }
}

/// What is wanted, by the numbers of its texts.
#[derive(Clone, Copy, Debug)]
struct Selection {
    route: Option<TextId>,
    code: Option<TextId>,
    lineage: Option<TextId>,
    holder: Option<TextId>,
}

impl Selection {
    fn selects(&self, segment: &Segment, row: &DecisionRow) -> bool {
        let warrant = row.warrant.and_then(|warrant| segment.warrants.get(warrant.position()));
        let txn = || {
            let lineage = warrant.and_then(|warrant| segment.lineages.get(warrant.name.lineage.position()));
            lineage.map(|lineage| lineage.name.txn)
        };
        self.route.is_none_or(|route| row.route == Some(route))
            && self.code.is_none_or(|code| row.outcome == code || row.verdict == code)
            && self.holder.is_none_or(|sub| warrant.is_some_and(|warrant| warrant.name.sub == sub))
            && self.lineage.is_none_or(|lineage| txn() == Some(lineage))
    }
}
