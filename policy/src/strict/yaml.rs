//! Reads YAML, in the strict profile of our documents, into a tree.
//!
//! It reads the parser's events: a serde reader stops at the first fault, cannot tell `no` from `"no"`, decodes tags and follows
//! aliases. Here each of these is a fault with a place, and reading goes on.

use std::collections::HashSet;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::node::{DEEPEST, MapKey, Node, NodeValue, Style};
use super::plain;
use crate::fault::{FileFaults, Place};

/// The longest document.
const LONGEST: usize = 256 * 1024;

/// Reads one document. `None` when there is no complete tree; then faults have been added.
pub fn read(bytes: &[u8], faults: FileFaults<'_>) -> Option<Node> {
    let top = Place { line: 1, column: 1 };
    if bytes.len() > LONGEST {
        faults.fault(
            Place::NONE,
            format!("the document has {} bytes", bytes.len()),
            "the maximum is 256 KiB: split it",
        );
        return None;
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        faults.fault(Place::NONE, "the document is not UTF-8", "save it as UTF-8");
        return None;
    };
    if text.starts_with('\u{feff}') {
        faults.fault(
            top,
            "the document begins with a byte order mark",
            "save it as UTF-8 without a byte order mark",
        );
        return None;
    }
    if let Some((at, letter)) = deceptive_letter(text) {
        let what = format!("the control character U+{:04X} can hide what a text contains", u32::from(letter));
        faults.fault(at, what, "remove it");
        return None;
    }
    let mut tree = TreeBuilder { text, faults, open: Vec::new(), root: None, documents: 0, failed: false };
    let options = granit_parser::options! { disallow_directives: true, emit_unresolved_aliases: true, emit_comments: false };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => tree.take(event, &span)?,
            Err(error) => {
                faults.fault(
                    place(error.marker()),
                    format!("this YAML is not accepted: {}", error.info()),
                    "see the section \"YAML\" in docs/policy.md",
                );
                return None;
            }
        }
    }
    if tree.documents == 0 {
        faults.fault(top, "the document is empty", "begin it with `apiVersion` and `kind`");
    }
    tree.root.filter(|_| !tree.failed)
}

/// The first such character, also in comments.
fn deceptive_letter(text: &str) -> Option<(Place, char)> {
    for (line, letters) in (1_u32..).zip(text.lines()) {
        if let Some((column, letter)) =
            (1_u32..).zip(letters.chars()).find(|(_, letter)| super::is_deceptive(*letter))
        {
            return Some((Place { line, column }, letter));
        }
    }
    None
}

struct TreeBuilder<'a> {
    text: &'a str,
    faults: FileFaults<'a>,
    open: Vec<Frame>,
    root: Option<Node>,
    documents: u32,
    /// Something is missing from the tree: checking the rest would report faults that do not exist.
    failed: bool,
}

/// A list or map that has not ended yet.
struct Frame {
    at: Place,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map { members: Vec<(MapKey, Node)>, names: HashSet<String>, key: Option<MapKey> },
}

impl TreeBuilder<'_> {
    /// Adds one event to the tree. `None` stops reading: further faults of this document would be guesses.
    fn take(&mut self, event: Event<'_>, span: &Span) -> Option<()> {
        let at = place(&span.start);
        match event {
            Event::DocumentStart(..) => return self.begin(at),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.refuse(at, "an alias is not allowed", "repeat the value instead");
                self.put(Node { at, value: NodeValue::Null });
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(at, anchor, tag.is_some());
                if let Some(node) = self.scalar(&text, style, span) {
                    self.put(node);
                }
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_properties(at, anchor, tag.is_some());
                return self.enter(Frame { at, inside: Inside::List(Vec::new()) });
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_properties(at, anchor, tag.is_some());
                return self.enter(Frame {
                    at,
                    inside: Inside::Map { members: Vec::new(), names: HashSet::new(), key: None },
                });
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentEnd
            | Event::Anchor(..)
            // The parser is asked for none.
            | Event::Comment(..) => {}
            _ => self.refuse(at, "something that is not part of a document", "remove it"),
        }
        Some(())
    }

    fn begin(&mut self, at: Place) -> Option<()> {
        self.documents = self.documents.saturating_add(1);
        if self.documents > 1 {
            self.refuse(at, "a second document in one file", "give it a file of its own");
            return None;
        }
        Some(())
    }

    fn refuse(&mut self, at: Place, what: &str, instead: &str) {
        self.failed = true;
        self.faults.fault(at, what, instead);
    }

    fn refuse_properties(&mut self, at: Place, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.refuse(at, "an anchor is not allowed", "repeat the value where it is needed");
        }
        if tagged {
            self.refuse(at, "a tag is not allowed", "write the value alone: its key decides its type");
        }
    }

    fn enter(&mut self, frame: Frame) -> Option<()> {
        if self.open.len() >= DEEPEST {
            self.refuse(frame.at, "the document is nested more than 32 levels deep", "use fewer levels");
            return None;
        }
        if self.is_key_next() {
            self.refuse(frame.at, "a list or map as a key", "use a string as the key");
            return None;
        }
        self.open.push(frame);
        Some(())
    }

    fn leave(&mut self) {
        if let Some(Frame { at, inside }) = self.open.pop() {
            let value = match inside {
                Inside::List(items) => NodeValue::List(items),
                Inside::Map { members, .. } => NodeValue::Map(members),
            };
            self.put(Node { at, value });
        }
    }

    fn is_key_next(&self) -> bool {
        matches!(self.open.last(), Some(Frame { inside: Inside::Map { key: None, .. }, .. }))
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: &Span) -> Option<Node> {
        let at = place(&span.start);
        let value = match style {
            ScalarStyle::Plain => plain::read(text),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted | ScalarStyle::Folded => {
                NodeValue::Text(text.to_owned(), Style::Flowing)
            }
            ScalarStyle::Literal => NodeValue::Text(text.to_owned(), self.literal(text, at)),
        };
        if !self.is_key_next() {
            return Some(Node { at, value });
        }
        self.key(at, text, &value);
        None
    }

    fn key(&mut self, at: Place, text: &str, value: &NodeValue) {
        if text == "<<" && matches!(value, NodeValue::Doubtful(_)) {
            self.refuse(at, "a merge key is not allowed", "repeat the members instead");
        } else if !matches!(value, NodeValue::Text(..)) {
            self.refuse(
                at,
                &format!("some YAML parsers do not read the key `{text}` as a string"),
                &format!("quote it: \"{text}\""),
            );
        }
        let Some(Frame { inside: Inside::Map { names, key, .. }, .. }) = self.open.last_mut() else { return };
        let is_new = names.insert(text.to_owned());
        *key = Some(MapKey { at, text: text.to_owned() });
        if !is_new {
            self.refuse(at, &format!("the key `{text}` occurs twice"), "keep one of them");
        }
    }

    fn put(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Frame { inside: Inside::List(items), .. }) => items.push(node),
            Some(Frame { inside: Inside::Map { members, key, .. }, .. }) => {
                if let Some(key) = key.take() {
                    members.push((key, node));
                }
            }
        }
    }

    /// Where the text of a literal block begins. The parser points at its first character, but blank lines before that belong to it.
    fn literal(&self, text: &str, at: Place) -> Style {
        let blank = text.lines().take_while(|line| line.trim().is_empty()).count();
        let own = text.lines().nth(blank).unwrap_or_default();
        let line = usize::try_from(at.line).ok().and_then(|line| self.text.lines().nth(line.checked_sub(1)?));
        let first = at.line.saturating_sub(u32::try_from(blank).unwrap_or(u32::MAX));
        let indent = line.and_then(|line| line.chars().count().checked_sub(own.chars().count()));
        Style::Literal { first, indent: indent.and_then(|indent| u32::try_from(indent).ok()).unwrap_or(0) }
    }
}

fn place(marker: &Marker) -> Place {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Place { line: number(marker.line()), column: number(marker.col()).saturating_add(1) }
}
