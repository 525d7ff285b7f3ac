//! Reads the action and the arguments of a request, as its route declares them.

use std::collections::BTreeSet;

use warrant::{Denial, RawPath, Target};

use super::body::{self, Json};
use super::declared::{Declared, Endpoint};
use super::values::{ArgumentValue, Arguments};
use super::{header, query, typed};
use crate::documents::arguments::{ArgumentSource, ArgumentType, DeclaredArgument};

/// What a request has besides its target.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    pub query: Option<&'a [u8]>,
    /// Each header with its name in lower case; a repeated header is listed each time.
    pub headers: &'a [(&'a str, &'a [u8])],
    pub body: SentBody<'a>,
}

/// How much of the body the proxy sent with the check.
#[derive(Clone, Copy, Debug)]
pub enum SentBody<'a> {
    Whole(&'a [u8]),
    /// Only the beginning.
    Partial,
    /// As text, in which a proxy writes `!` for each byte that is not UTF-8. It may not be what is forwarded.
    Text,
    Absent,
}

/// The action and the arguments that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    pub action: String,
    pub args: Arguments,
    /// The arguments that are recorded only as a keyed digest.
    pub withheld: BTreeSet<String>,
}

/// The part of a request that has a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestPart {
    /// The path or a header.
    Line,
    Query,
    Body,
}

/// Why the arguments of a request are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentError {
    pub part: RequestPart,
    /// `arguments-invalid`, or `outside-warrant` for a query parameter that the route does not declare.
    pub denial: Denial,
    /// Which argument, and why. Never contains its value.
    pub detail: String,
    pub cure: Option<String>,
}

/// Reads the action and the arguments of a request that the route matches.
pub(crate) fn read(
    declared: &Declared,
    target: &Target<'_>,
    sent: &Sent<'_>,
) -> Result<Extracted, ArgumentError> {
    let segments: Vec<_> = target.path.segments().map(RawPath::unescaped).collect();
    let endpoint = declared
        .endpoint(target.host.as_str(), target.method.as_str(), &segments)
        .ok_or_else(|| ArgumentError::of(RequestPart::Line, "", "the route does not match the request"))?;
    let request = DecodedRequest {
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
    check_parameters_are_declared(declared, &request)?;
    let withheld = declared.args.iter().filter(|argument| argument.is_withheld);
    let withheld = withheld.map(|argument| argument.name.clone()).collect();
    Ok(Extracted { action, args, withheld })
}

struct DecodedRequest<'a> {
    endpoint: &'a Endpoint,
    segments: Vec<String>,
    sent: &'a Sent<'a>,
    /// Decoded only if the route has a query argument.
    parameters: Option<query::Parameters>,
    json: Option<Json>,
}

fn parameters(declared: &Declared, sent: &Sent<'_>) -> Result<Option<query::Parameters>, ArgumentError> {
    let names = declared.query_names();
    if names.is_empty() {
        return Ok(None);
    }
    let read = query::parameters(sent.query.unwrap_or_default(), &names);
    read.map(Some).map_err(|why| ArgumentError::of(RequestPart::Query, "", &format!("the query: {why}")))
}

fn json(declared: &Declared, sent: &Sent<'_>) -> Result<Option<Json>, ArgumentError> {
    if !declared.reads_body() {
        return Ok(None);
    }
    body::check_headers(&sent.header("content-type"), &sent.header("content-encoding"))
        .map_err(|why| ArgumentError::of(RequestPart::Body, "", &why))?;
    match sent.body {
        SentBody::Whole(bytes) => {
            let parsed = body::parse(bytes, declared.longest_body);
            parsed.map(Some).map_err(|why| ArgumentError::of(RequestPart::Body, "", &why))
        }
        SentBody::Partial => Err(ArgumentError::of(
            RequestPart::Body,
            "",
            "the proxy sent only a part of the body with the check",
        )),
        SentBody::Text => Err(misconfigured(
            "the proxy sent the body as text, which may differ from the bytes that it forwards",
            "set `pack_as_bytes: true` in `with_request_body` of the ext_authz filter itself: Envoy ignores it in the settings of a route",
        )),
        SentBody::Absent => Err(misconfigured(
            "the proxy sent no body with the check, but this route reads it",
            "give this route `check_settings.with_request_body`, as `portcullis policy envoy` prints it",
        )),
    }
}

/// The body cannot be read, and the client cannot help it.
fn misconfigured(what: &str, cure: &str) -> ArgumentError {
    ArgumentError { cure: Some(cure.to_owned()), ..ArgumentError::of(RequestPart::Body, "", what) }
}

impl DecodedRequest<'_> {
    fn argument(&self, argument: &DeclaredArgument) -> Result<Option<ArgumentValue>, ArgumentError> {
        let unread = |why: &str| ArgumentError::of(RequestPart::of(&argument.from), &argument.name, why);
        let found = self.value(&argument.from, argument.kind).map_err(|why| unread(&why))?;
        if found.is_none() && !argument.is_optional {
            return Err(unread("it is missing"));
        }
        Ok(found)
    }

    /// The value at its source; `None` if it is absent.
    fn value(&self, from: &ArgumentSource, kind: ArgumentType) -> Result<Option<ArgumentValue>, String> {
        let of_type = |text: &str| {
            typed::from_text(text, kind).map(Some).ok_or_else(|| format!("it is not of type {kind}"))
        };
        match from {
            ArgumentSource::Path(name) => {
                let segment =
                    self.endpoint.pattern.position(name).and_then(|position| self.segments.get(position));
                segment.map_or(Ok(None), |segment| of_type(segment))
            }
            ArgumentSource::Query(name) => {
                let found = self.parameters.iter().flatten().find(|(known, _)| known == name);
                found.map_or(Ok(None), |(_, value)| of_type(value))
            }
            ArgumentSource::Header(name) => header::value(&self.sent.header(name))?.map_or(Ok(None), of_type),
            ArgumentSource::Body(pointer) => match self.json.as_ref().and_then(|json| json.at(pointer)) {
                Some(json) => {
                    typed::from_json(json, kind).map(Some).ok_or_else(|| format!("it is not of type {kind}"))
                }
                None => Ok(None),
            },
        }
    }

    fn action(&self, declared: &Declared, target: &Target<'_>) -> Result<String, ArgumentError> {
        if let Some(action) = &self.endpoint.action {
            return Ok(action.clone());
        }
        let Some(derived) = &declared.action else { return Ok(target.method.as_str().to_owned()) };
        let unread = |why: &str| ArgumentError::of(RequestPart::of(&derived.from), "action", why);
        match self.value(&derived.from, ArgumentType::String).map_err(|why| unread(&why))? {
            Some(ArgumentValue::Text(name)) if derived.one_of.contains(&name) => Ok(name),
            _ => Err(unread("it is not one of the actions that the route declares")),
        }
    }
}

fn check_parameters_are_declared(
    declared: &Declared,
    request: &DecodedRequest<'_>,
) -> Result<(), ArgumentError> {
    if declared.any_query {
        return Ok(());
    }
    let names = declared.query_names();
    let has_undeclared = match &request.parameters {
        Some(parameters) => parameters.iter().any(|(name, _)| !names.contains(&name.as_str())),
        None => request.sent.query.is_some_and(query::has_parameters),
    };
    if has_undeclared {
        let detail = "a query parameter that the route does not declare".to_owned();
        return Err(ArgumentError {
            part: RequestPart::Query,
            denial: Denial::OutsideWarrant,
            detail,
            cure: None,
        });
    }
    Ok(())
}

impl RequestPart {
    fn of(from: &ArgumentSource) -> Self {
        match from {
            ArgumentSource::Path(_) | ArgumentSource::Header(_) => Self::Line,
            ArgumentSource::Query(_) => Self::Query,
            ArgumentSource::Body(_) => Self::Body,
        }
    }
}

impl ArgumentError {
    fn of(part: RequestPart, name: &str, why: &str) -> Self {
        let detail = if name.is_empty() { why.to_owned() } else { format!("argument `{name}`: {why}") };
        Self { part, denial: Denial::ArgumentsInvalid, detail, cure: None }
    }
}

impl<'a> Sent<'a> {
    fn header(&self, name: &str) -> Vec<&'a [u8]> {
        self.headers.iter().filter(|(own, _)| *own == name).map(|(_, value)| *value).collect()
    }
}
