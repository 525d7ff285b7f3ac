//! From a request to what the route derives of it: its action and its arguments.

use std::collections::BTreeSet;

use warrant::{Denial, RawPath, Target};

use super::body::{self, Json};
use super::declared::{Declared, Endpoint};
use super::values::{Arguments, Value};
use super::{header, query, typed};
use crate::documents::arguments::{Argument, ArgumentType, Source};

/// What a request has beside its target.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    pub query: Option<&'a [u8]>,
    /// Each header, by lower-case name, as often as it came.
    pub headers: &'a [(&'a str, &'a [u8])],
    pub body: Body<'a>,
}

/// What of the body came with the check.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    Whole(&'a [u8]),
    /// The proxy sent the beginning of it only.
    Partial,
    Absent,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub action: String,
    pub args: Arguments,
    /// Which of them the record keeps only as a keyed digest.
    pub withheld: BTreeSet<String>,
}

/// A part of a request that can be at fault by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The path or a header.
    Line,
    Query,
    Body,
}

/// Why a request could not be read, or says more than it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Of the request, the part that is at fault.
    pub part: Part,
    /// `arguments-invalid`, or `outside-warrant` for a query parameter that no argument declares.
    pub denial: Denial,
    /// Which argument, and why. Never its value.
    pub detail: String,
    pub cure: Option<String>,
}

/// Reads what this route derives from a request that it matches.
pub(crate) fn read(declared: &Declared, target: &Target<'_>, sent: &Sent<'_>) -> Result<Given, Unread> {
    let segments: Vec<_> = target.path.segments().map(RawPath::unescaped).collect();
    let endpoint = declared
        .endpoint(target.host.as_str(), target.method.as_str(), &segments)
        .ok_or_else(|| Unread::of(Part::Line, "", "the route does not match the request"))?;
    let request = Request {
        endpoint,
        segments,
        sent,
        parameters: parameters(declared, sent)?,
        json: json(declared, sent)?,
    };
    let mut args = Arguments::default();
    for argument in &declared.args {
        if let Some(value) = request.argument(argument)? {
            args.insert(&argument.name, value);
        }
    }
    let action = request.action(declared, target)?;
    declares_every_parameter(declared, &request)?;
    let withheld = declared.args.iter().filter(|argument| argument.is_withheld);
    let withheld = withheld.map(|argument| argument.name.clone()).collect();
    Ok(Given { action, args, withheld })
}

struct Request<'a> {
    endpoint: &'a Endpoint,
    segments: Vec<String>,
    sent: &'a Sent<'a>,
    /// Decoded only on a route with a query argument.
    parameters: Option<query::Parameters>,
    json: Option<Json>,
}

fn parameters(declared: &Declared, sent: &Sent<'_>) -> Result<Option<query::Parameters>, Unread> {
    let names = declared.query_names();
    if names.is_empty() {
        return Ok(None);
    }
    let read = query::parameters(sent.query.unwrap_or_default(), &names);
    read.map(Some).map_err(|why| Unread::of(Part::Query, "", &format!("the query: {why}")))
}

fn json(declared: &Declared, sent: &Sent<'_>) -> Result<Option<Json>, Unread> {
    if !declared.reads_body() {
        return Ok(None);
    }
    body::is_announced(&sent.header("content-type"), &sent.header("content-encoding"))
        .map_err(|why| Unread::of(Part::Body, "", &why))?;
    match sent.body {
        Body::Whole(bytes) => body::parse(bytes).map(Some).map_err(|why| Unread::of(Part::Body, "", &why)),
        Body::Partial => Err(Unread::of(Part::Body, "", "the check carries only a part of the body")),
        Body::Absent => Err(Unread {
            cure: Some(
                "give this route `check_settings.with_request_body`, as `portcullis policy envoy` prints it"
                    .to_owned(),
            ),
            ..Unread::of(Part::Body, "", "the check carries no body, and this route reads one")
        }),
    }
}

impl Request<'_> {
    fn argument(&self, argument: &Argument) -> Result<Option<Value>, Unread> {
        let unread = |why: &str| Unread::of(Part::of(&argument.from), &argument.name, why);
        let found = self.value(&argument.from, argument.kind).map_err(|why| unread(&why))?;
        if found.is_none() && !argument.is_optional {
            return Err(unread("it is missing"));
        }
        Ok(found)
    }

    /// The value at its source; `None` where there is nothing.
    fn value(&self, from: &Source, kind: ArgumentType) -> Result<Option<Value>, String> {
        let of_type = |text: &str| {
            typed::from_text(text, kind).map(Some).ok_or_else(|| format!("it is not of type {kind}"))
        };
        match from {
            Source::Path(name) => {
                let segment =
                    self.endpoint.pattern.position(name).and_then(|position| self.segments.get(position));
                segment.map_or(Ok(None), |segment| of_type(segment))
            }
            Source::Query(name) => {
                let found = self.parameters.iter().flatten().find(|(known, _)| known == name);
                found.map_or(Ok(None), |(_, value)| of_type(value))
            }
            Source::Header(name) => header::value(&self.sent.header(name))?.map_or(Ok(None), of_type),
            Source::Body(pointer) => match self.json.as_ref().and_then(|json| json.at(pointer)) {
                Some(json) => {
                    typed::from_json(json, kind).map(Some).ok_or_else(|| format!("it is not of type {kind}"))
                }
                None => Ok(None),
            },
        }
    }

    fn action(&self, declared: &Declared, target: &Target<'_>) -> Result<String, Unread> {
        if let Some(action) = &self.endpoint.action {
            return Ok(action.clone());
        }
        let Some(derived) = &declared.action else { return Ok(target.method.as_str().to_owned()) };
        let unread = |why: &str| Unread::of(Part::of(&derived.from), "action", why);
        match self.value(&derived.from, ArgumentType::String).map_err(|why| unread(&why))? {
            Some(Value::Text(name)) if derived.one_of.contains(&name) => Ok(name),
            _ => Err(unread("it is none of those that the route knows")),
        }
    }
}

fn declares_every_parameter(declared: &Declared, request: &Request<'_>) -> Result<(), Unread> {
    if declared.any_query {
        return Ok(());
    }
    let names = declared.query_names();
    let is_beyond = match &request.parameters {
        Some(parameters) => parameters.iter().any(|(name, _)| !names.contains(&name.as_str())),
        None => request.sent.query.is_some_and(query::says_something),
    };
    if is_beyond {
        let detail = "a query parameter that the route does not declare".to_owned();
        return Err(Unread { part: Part::Query, denial: Denial::OutsideWarrant, detail, cure: None });
    }
    Ok(())
}

impl Part {
    fn of(from: &Source) -> Self {
        match from {
            Source::Path(_) | Source::Header(_) => Self::Line,
            Source::Query(_) => Self::Query,
            Source::Body(_) => Self::Body,
        }
    }
}

impl Unread {
    fn of(part: Part, name: &str, why: &str) -> Self {
        let detail = if name.is_empty() { why.to_owned() } else { format!("argument `{name}`: {why}") };
        Self { part, denial: Denial::ArgumentsInvalid, detail, cure: None }
    }
}

impl<'a> Sent<'a> {
    fn header(&self, name: &str) -> Vec<&'a [u8]> {
        self.headers.iter().filter(|(own, _)| *own == name).map(|(_, value)| *value).collect()
    }
}
