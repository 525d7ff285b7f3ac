//! A number in a call.

use serde::Deserialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The largest integer that every reader of JSON keeps exact, 2^53-1. The ledger records none above it.
const MOST: u64 = 9_007_199_254_740_991;

/// An index or a count in a call: one that the ledger could record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Natural(u64);

impl ToSchema for Natural {}

impl PartialSchema for Natural {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0_u64))
            .maximum(Some(MOST))
            .description(Some("An index or a count."))
            .into()
    }
}

impl Natural {
    /// A number of our own.
    #[must_use]
    pub fn of(number: u32) -> Natural {
        Natural(u64::from(number))
    }

    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as a count, at most this one.
    #[must_use]
    pub fn at_most(self, most: usize) -> usize {
        usize::try_from(self.0).map_or(most, |number| number.min(most))
    }
}

impl TryFrom<u64> for Natural {
    type Error = &'static str;

    fn try_from(number: u64) -> Result<Natural, &'static str> {
        if number <= MOST { Ok(Natural(number)) } else { Err("a number is above 2^53-1") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_no_entry_could_have_is_refused() {
        let read = |text: &str| serde_json::from_str::<Natural>(text).map(Natural::get).ok();
        assert_eq!((read("0"), read("9007199254740991")), (Some(0), Some(MOST)));
        for bad in ["9007199254740992", "18446744073709551615", "-1", "1.0", "\"1\""] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!((Natural(7).at_most(5), Natural(3).at_most(5)), (5, 3));
    }
}
