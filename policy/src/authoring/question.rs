//! A request to explain: what is known about it becomes a situation, as in a test. Arguments can be given by
//! name; each is put where the route reads it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::documents::Posture;
use crate::documents::arguments::{ArgumentSource, ArgumentType, DeclaredArgument};
use crate::documents::situation::{Situation, WarrantDoc};
use crate::routes::Route;

/// The request to explain. Values that are not given are chosen so that they satisfy the route's
/// requirements.
#[derive(Clone, Debug, Default)]
pub struct Question {
    pub method: String,
    /// A canonical name or an alias; may be left out if there is only one host.
    pub host: Option<String>,
    /// Raw, with its query.
    pub path: String,
    pub headers: Vec<(String, String)>,
    /// JSON.
    pub body: Option<String>,
    /// Arguments of the route, by name.
    pub args: Vec<(String, String)>,
    /// The workload that the warrant names, and that presents it.
    pub caller: String,
    /// The root's `sub`, if it is not the caller.
    pub root: Option<String>,
    pub depth: u8,
    /// The lifetime of every link, in seconds.
    pub lifetime: Option<u64>,
    /// `Some(None)` is unlimited use.
    pub uses: Option<Option<u32>>,
    pub attr: BTreeMap<String, String>,
    pub environment: BTreeMap<String, String>,
    pub conditions: BTreeMap<String, String>,
    pub posture: Posture,
}

impl Question {
    /// The path alone, and the query.
    pub(super) fn split(&self) -> (&str, Option<&str>) {
        match self.path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&self.path, None),
        }
    }

    /// The situation that a test of this route would describe.
    pub(super) fn situation(&self, route: &Route, host: &str) -> Result<Situation, String> {
        let (path, query) = self.split();
        let mut situation = Situation {
            host: Some(host.to_owned()),
            method: Some(self.method.clone()),
            path: Some(path.to_owned()),
            query: query.map(str::to_owned),
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                .collect(),
            body: self.body.clone(),
            caller: Some(self.caller.clone()),
            warrant: WarrantDoc {
                uses: self.uses,
                lifetime: self.lifetime,
                depth: self.depth,
                root: self.root.clone(),
                attr: self.attr.clone(),
                ..WarrantDoc::default()
            },
            environment: self.environment.clone(),
            conditions: self.conditions.clone(),
            posture: self.posture,
            now: None,
        };
        for (name, value) in &self.args {
            let argument = route.args().iter().find(|argument| argument.name == *name).ok_or_else(|| {
                let known: Vec<_> = route.args().iter().map(|argument| argument.name.as_str()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                format!("route `{}` has no argument `{name}`; it has: {known}", route.name())
            })?;
            put(&mut situation, argument, value)?;
        }
        Ok(situation)
    }
}

/// Puts an argument where the route reads it.
fn put(situation: &mut Situation, argument: &DeclaredArgument, value: &str) -> Result<(), String> {
    match &argument.from {
        ArgumentSource::Path(segment) => Err(format!(
            "argument `{}` is the segment {{{segment}}} of the path: write it in the path",
            argument.name
        )),
        ArgumentSource::Query(name) => {
            let piece = format!("{}={}", escaped(name), escaped(value));
            situation.query = Some(match situation.query.take() {
                Some(query) if !query.is_empty() => format!("{query}&{piece}"),
                Some(_) | None => piece,
            });
            Ok(())
        }
        ArgumentSource::Header(name) => {
            situation.headers.push((name.clone(), value.to_owned()));
            Ok(())
        }
        ArgumentSource::Body(pointer) => {
            let mut body = match &situation.body {
                Some(text) => {
                    serde_json::from_str(text).map_err(|error| format!("the body is not JSON: {error}"))?
                }
                None => Value::Object(Map::new()),
            };
            insert(&mut body, &pointer.0, json(argument.kind, value))
                .ok_or_else(|| format!("argument `{}` cannot be put into this body", argument.name))?;
            situation.body = Some(body.to_string());
            Ok(())
        }
    }
}

/// Reads the text that a person writes for a value of this type. If it does not look like one it stays a
/// text, and is refused as in a request.
fn json(kind: ArgumentType, value: &str) -> Value {
    match kind {
        ArgumentType::String => Value::String(value.to_owned()),
        ArgumentType::Long | ArgumentType::Natural | ArgumentType::Bool | ArgumentType::Strings => {
            serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()))
        }
    }
}

fn insert(body: &mut Value, pointer: &[String], value: Value) -> Option<()> {
    let (last, parents) = pointer.split_last()?;
    let mut at = body;
    for name in parents {
        at = at.as_object_mut()?.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
    }
    at.as_object_mut()?.insert(last.clone(), value);
    Some(())
}

/// Escapes everything except what RFC 3986 calls unreserved.
fn escaped(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}
