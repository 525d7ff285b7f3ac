//! Where a condition applies.

use std::fmt;

use warrant::formats;

/// Where a condition applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConditionScope {
    Mesh,
    /// The environments that have this value in this dimension.
    Environment {
        dimension: String,
        value: String,
    },
}

impl ConditionScope {
    /// Reads `mesh` or `<dimension>=<value>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<ConditionScope> {
        if text == "mesh" {
            return Some(ConditionScope::Mesh);
        }
        let (dimension, value) = text.split_once('=')?;
        let is_plain = formats::is_plain(dimension) && formats::is_plain(value) && !text.contains('*');
        is_plain
            .then(|| ConditionScope::Environment { dimension: dimension.to_owned(), value: value.to_owned() })
    }
}

impl fmt::Display for ConditionScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConditionScope::Mesh => f.write_str("mesh"),
            ConditionScope::Environment { dimension, value } => write!(f, "{dimension}={value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_the_mesh_or_one_value_of_one_dimension() {
        for good in ["mesh", "region=eu", "region=a=b"] {
            assert_eq!(ConditionScope::parse(good).unwrap().to_string(), good);
        }
        for bad in ["", "everywhere", "region", "region=", "=eu", "region=*", "*=eu", "a=\"b"] {
            assert_eq!(ConditionScope::parse(bad), None, "{bad}");
        }
    }
}
