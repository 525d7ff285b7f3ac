//! The arguments of `mint` and `delegate` that say what a warrant allows.

use clap::Args as ClapArgs;
use warrant::mint::GrantDetail;
use warrant::{Constraint, Value};

use crate::cli::values::pair;

#[derive(Debug, ClapArgs)]
pub(super) struct ScopeArgs {
    /// A canonical host; may be given several times, like --method, --path, --action and --arg
    #[arg(long = "host")]
    pub(super) hosts: Vec<String>,
    #[arg(long = "method")]
    pub(super) methods: Vec<String>,
    /// A path pattern: `*` is one segment, a final `**` is any rest
    #[arg(long = "path")]
    pub(super) paths: Vec<String>,
    /// An action that the route derives from a request, such as a gRPC method or a tool
    #[arg(long = "action")]
    pub(super) actions: Vec<String>,
    /// A bound of an argument: NAME=VALUE, NAME=ONE|OTHER, NAME=LOW..HIGH, or NAME=* for any value. A whole
    /// number, true and false have their own types; in double quotes they are text
    #[arg(long = "arg", value_parser = bound)]
    pub(super) args: Vec<(String, Constraint)>,
}

impl ScopeArgs {
    /// All of it as one detail.
    pub(super) fn detail(&self) -> GrantDetail {
        GrantDetail {
            hosts: self.hosts.clone(),
            methods: self.methods.clone(),
            paths: self.paths.clone(),
            actions: (!self.actions.is_empty()).then(|| self.actions.clone()),
            args: self.args.clone(),
        }
    }
}

/// One value of an argument.
pub(super) fn value(text: &str) -> Value {
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match (quoted, text) {
        (Some(inside), _) => Value::String(inside.into()),
        (None, "true") => Value::Boolean(true),
        (None, "false") => Value::Boolean(false),
        (None, text) => text.parse().map_or_else(|_| Value::String(text.into()), Value::Integer),
    }
}

fn bound(text: &str) -> Result<(String, Constraint), String> {
    let (name, bound) = pair(text)?;
    let range = |(low, high): (&str, &str)| Some(Constraint::Range(low.parse().ok()?, high.parse().ok()?));
    let constraint = match bound.split_once("..").and_then(range) {
        Some(range) => range,
        None if bound == "*" => Constraint::Any,
        None if bound.contains('|') => Constraint::OneOf(bound.split('|').map(value).collect()),
        None => Constraint::Exact(value(&bound)),
    };
    Ok((name, constraint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_as_they_are_written() {
        let string = |t: &str| Value::String(t.into());
        for (text, expected) in [
            ("a=*", Constraint::Any),
            ("a=1..9", Constraint::Range(1, 9)),
            ("a=-9..-1", Constraint::Range(-9, -1)),
            ("a=EUR|USD", Constraint::OneOf(vec![string("EUR"), string("USD")])),
            ("a=1|true", Constraint::OneOf(vec![Value::Integer(1), Value::Boolean(true)])),
            ("a=1", Constraint::Exact(Value::Integer(1))),
            ("a=\"1\"", Constraint::Exact(string("1"))),
            ("a=x..y", Constraint::Exact(string("x..y"))),
            ("a=b=c", Constraint::Exact(string("b=c"))),
            ("a=", Constraint::Exact(string(""))),
        ] {
            assert_eq!(bound(text), Ok(("a".to_owned(), expected)), "{text}");
        }
        assert!(bound("a").is_err());
    }
}
