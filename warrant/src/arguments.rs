//! Arguments: the values that a request has, and the constraints that a warrant puts on them.

use crate::{formats, limits::MAX_INTEGER};

/// The value of an argument. Values of different types are never equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text of at most 256 bytes without control characters. Compared byte by byte.
    String(Box<str>),
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number from -(2^53-1) to 2^53-1.
    Integer(i64),
}

/// What a route read from a request under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// One value.
    One(Value),
    /// A list of strings. Only the constraint `any` allows it.
    List,
}

/// All arguments that the route declares and the request has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments(Vec<(Box<str>, Argument)>);

impl Arguments {
    /// No arguments at all.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an argument. Returns `false` and adds nothing when the name has a bad form or is already taken, or when no
    /// route can read the value.
    #[must_use]
    pub fn insert(&mut self, name: &str, argument: Argument) -> bool {
        let readable = match &argument {
            Argument::One(Value::String(text)) => formats::is_argument_text(text),
            Argument::One(Value::Integer(n)) => (-MAX_INTEGER..=MAX_INTEGER).contains(n),
            Argument::One(Value::Boolean(_)) | Argument::List => true,
        };
        let good = readable && formats::is_argument_name(name) && self.get(name).is_none();
        if good {
            self.0.push((name.into(), argument));
        }
        good
    }

    /// The argument of that name.
    pub fn get(&self, name: &str) -> Option<&Argument> {
        self.0.iter().find(|(own, _)| &**own == name).map(|(_, argument)| argument)
    }
}

/// The constraint of a detail on one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// Exactly this value.
    Exact(Value),
    /// One of these values.
    OneOf(Vec<Value>),
    /// A whole number from the first to the second, both included. The first is not above the second.
    Range(i64, i64),
    /// Any value. The argument must be present.
    Any,
}

impl Constraint {
    /// Whether this argument is allowed. An absent argument never is.
    pub fn admits(&self, argument: Option<&Argument>) -> bool {
        match (self, argument) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (_, Some(Argument::List)) => false,
            (Self::Exact(value), Some(Argument::One(given))) => value == given,
            (Self::OneOf(values), Some(Argument::One(given))) => values.contains(given),
            (Self::Range(low, high), Some(Argument::One(given))) => is_between(given, *low, *high),
        }
    }

    /// Whether `parent` provably allows everything that this constraint allows.
    pub fn is_within(&self, parent: &Self) -> bool {
        match (parent, self) {
            (Self::Any, _) => true,
            (Self::Range(low, high), Self::Range(from, to)) => low <= from && to <= high,
            (Self::Range(low, high), Self::Exact(value)) => is_between(value, *low, *high),
            (Self::Range(low, high), Self::OneOf(values)) => {
                values.iter().all(|v| is_between(v, *low, *high))
            }
            (Self::OneOf(members), Self::Exact(value)) => members.contains(value),
            (Self::OneOf(members), Self::OneOf(values)) => values.iter().all(|v| members.contains(v)),
            (Self::Exact(one), Self::Exact(two)) => one == two,
            (Self::Range(..), Self::Any)
            | (Self::OneOf(_), Self::Range(..) | Self::Any)
            | (Self::Exact(_), Self::OneOf(_) | Self::Range(..) | Self::Any) => false,
        }
    }
}

fn is_between(value: &Value, low: i64, high: i64) -> bool {
    match value {
        Value::Integer(n) => (low..=high).contains(n),
        Value::String(_) | Value::Boolean(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(t: &str) -> Value {
        Value::String(t.into())
    }

    #[test]
    fn values_of_different_types_are_not_equal() {
        let (one, one_text) = (Argument::One(Value::Integer(1)), Argument::One(text("1")));
        assert!(Constraint::Exact(Value::Integer(1)).admits(Some(&one)));
        assert!(!Constraint::Exact(Value::Integer(1)).admits(Some(&one_text)));
        assert!(!Constraint::Exact(Value::Boolean(true)).admits(Some(&one)));
        assert!(!Constraint::Range(0, 9).admits(Some(&one_text)));
    }

    #[test]
    fn only_any_allows_a_list_and_nothing_allows_an_absent_argument() {
        let all = [
            Constraint::Any,
            Constraint::Range(0, 1),
            Constraint::OneOf(vec![text("a")]),
            Constraint::Exact(text("a")),
        ];
        for constraint in &all {
            assert!(!constraint.admits(None));
            assert_eq!(constraint.admits(Some(&Argument::List)), *constraint == Constraint::Any);
        }
    }

    #[test]
    fn ranges_include_both_ends() {
        for (n, inside) in [(0, false), (1, true), (5, true), (6, false)] {
            assert_eq!(Constraint::Range(1, 5).admits(Some(&Argument::One(Value::Integer(n)))), inside);
        }
    }

    #[test]
    fn one_constraint_is_within_another_exactly_as_this_table_says() {
        use Constraint::{Any, Exact, OneOf, Range};
        let int = Value::Integer;
        let cases = [
            (Exact(int(1)), Any, true),
            (Any, Any, true),
            (Any, Range(0, 9), false),
            (Any, Exact(int(1)), false),
            (Range(1, 2), Range(0, 9), true),
            (Range(0, 10), Range(0, 9), false),
            (Range(-1, 2), Range(0, 9), false),
            (Exact(int(9)), Range(0, 9), true),
            (Exact(text("1")), Range(0, 9), false),
            (Exact(int(10)), Range(0, 9), false),
            (OneOf(vec![int(1), int(2)]), Range(0, 9), true),
            (OneOf(vec![int(1), int(10)]), Range(0, 9), false),
            (OneOf(vec![int(1), text("2")]), Range(0, 9), false),
            (Exact(int(1)), OneOf(vec![int(1), int(2)]), true),
            (Exact(int(3)), OneOf(vec![int(1), int(2)]), false),
            (OneOf(vec![int(2)]), OneOf(vec![int(1), int(2)]), true),
            (OneOf(vec![int(2), int(3)]), OneOf(vec![int(1), int(2)]), false),
            (Range(1, 1), OneOf(vec![int(1)]), false),
            (OneOf(vec![int(1)]), Exact(int(1)), false),
            (Range(1, 1), Exact(int(1)), false),
            (Exact(int(1)), Exact(int(1)), true),
            (Exact(text("1")), Exact(int(1)), false),
        ];
        for (child, parent, within) in cases {
            assert_eq!(child.is_within(&parent), within, "{child:?} within {parent:?}");
        }
    }

    #[test]
    fn only_arguments_that_a_route_can_read_are_added() {
        let mut arguments = Arguments::new();
        assert!(arguments.insert("a", Argument::List));
        assert!(!arguments.insert("a", Argument::List), "twice");
        assert!(!arguments.insert("A", Argument::List), "no name");
        assert!(!arguments.insert("b", Argument::One(text("\n"))));
        assert!(!arguments.insert("b", Argument::One(Value::Integer(MAX_INTEGER + 1))));
        assert_eq!(arguments.get("b"), None);
    }
}
