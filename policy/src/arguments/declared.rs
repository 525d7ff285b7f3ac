//! What a route declares: which requests it matches, and what it reads from them.

use std::collections::BTreeSet;

use warrant::Digest;

use crate::documents::arguments::{ArgumentSource, DeclaredAction, DeclaredArgument};
use crate::documents::body_limit;
use crate::documents::route::RouteDoc;
use crate::matching::Pattern;

/// The declarations of one route.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) args: Vec<DeclaredArgument>,
    /// Where the action is read, if it is not the method.
    pub(crate) action: Option<DeclaredAction>,
    /// Whether query parameters that no argument names are allowed.
    pub(crate) any_query: bool,
    /// The longest body in bytes.
    pub(crate) longest_body: usize,
}

/// One host, method and path pattern that a route matches.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) method: String,
    pub(crate) pattern: Pattern,
    /// The full name of the gRPC method, for a gRPC match.
    pub(crate) action: Option<String>,
}

impl Declared {
    pub(crate) fn by(document: &RouteDoc) -> Self {
        Self {
            endpoints: endpoints(document),
            args: document.args.clone(),
            action: document.action.clone(),
            any_query: document.any_query,
            longest_body: document.body_limit.as_ref().map_or(body_limit::DEFAULT, |limit| limit.value),
        }
    }

    /// Whether the proxy must send the body with the check.
    pub(crate) fn reads_body(&self) -> bool {
        reads_body(&self.args, self.action.as_ref())
    }

    /// Whether everything is read from the request line without its query.
    pub(crate) fn reads_only_the_path(&self) -> bool {
        let from = self.args.iter().map(|argument| &argument.from);
        from.chain(self.action.as_ref().map(|action| &action.from)).all(|from| from.path_name().is_some())
    }

    /// Names how requests are read. Two declarations with the same digest read the same from every request.
    pub(crate) fn digest(&self) -> Digest {
        let Self { endpoints, args, action, any_query, longest_body } = self;
        let endpoints: Vec<_> = endpoints
            .iter()
            .map(|endpoint| (&endpoint.host, &endpoint.method, endpoint.pattern.text(), &endpoint.action))
            .collect();
        let args: Vec<_> = args
            .iter()
            .map(|argument| (&argument.name, &argument.from, argument.kind, argument.is_optional))
            .collect();
        let action = action.as_ref().map(|action| (&action.from, &action.one_of));
        Digest::of(format!("{endpoints:?} {args:?} {action:?} {any_query} {longest_body}").as_bytes())
    }

    pub(crate) fn query_names(&self) -> Vec<&str> {
        self.args.iter().filter_map(|argument| argument.from.query_name()).collect()
    }

    /// All possible actions of a request.
    pub(crate) fn actions(&self) -> BTreeSet<&str> {
        match &self.action {
            Some(action) => action.one_of.iter().map(String::as_str).collect(),
            None => self.endpoints.iter().map(Endpoint::action).collect(),
        }
    }

    /// The most specific endpoint that matches.
    pub(crate) fn endpoint(&self, host: &str, method: &str, segments: &[String]) -> Option<&Endpoint> {
        let matches = |endpoint: &&Endpoint| {
            endpoint.host == host && endpoint.method == method && endpoint.pattern.matches(segments)
        };
        self.endpoints.iter().filter(matches).max_by_key(|endpoint| endpoint.pattern.weight())
    }
}

impl Endpoint {
    /// The full name of the gRPC method, or the HTTP method.
    pub(crate) fn action(&self) -> &str {
        self.action.as_deref().unwrap_or(&self.method)
    }
}

pub(crate) fn reads_body(args: &[DeclaredArgument], action: Option<&DeclaredAction>) -> bool {
    let from_body = |from: &ArgumentSource| matches!(from, ArgumentSource::Body(_));
    args.iter().any(|argument| from_body(&argument.from))
        || action.is_some_and(|action| from_body(&action.from))
}

/// Every endpoint that a document matches.
pub(crate) fn endpoints(document: &RouteDoc) -> Vec<Endpoint> {
    let mut all = Vec::new();
    for item in &document.matches {
        for host in &item.hosts {
            for (method, path) in item.endpoints() {
                let action = item.is_grpc.then(|| path.value.text().trim_start_matches('/').to_owned());
                all.push(Endpoint {
                    host: host.value.clone(),
                    method: method.to_owned(),
                    pattern: path.value.clone(),
                    action,
                });
            }
        }
    }
    // Thousands of routes have one or two each, and keep them.
    all.shrink_to_fit();
    all
}
