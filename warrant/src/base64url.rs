//! base64url without padding and with trailing bits of zero, so that each value has exactly one text.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Decodes `text` into the start of `buffer`. `None` when it is not canonical or does not fit.
pub(crate) fn decode_into<'b>(text: &[u8], buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let length = URL_SAFE_NO_PAD.decode_slice(text, buffer).ok()?;
    buffer.get(..length)
}

/// Decodes `text` if it has exactly `N` bytes.
pub(crate) fn decode_exactly<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (length == N).then_some(bytes)
}

/// Appends the one text of `bytes`.
pub(crate) fn encode_into(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

/// Encodes `bytes` as their one text.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_text() {
        assert_eq!(decode_exactly::<1>(b"AQ"), Some([1]));
        for other in ["AR", "AQ=", "AQ==", "A Q", "A", "AQA", "+w", "/w", "AQ\n"] {
            assert_eq!(decode_exactly::<1>(other.as_bytes()), None, "{other:?}");
        }
        assert_eq!(decode_exactly::<1>(b"-w"), Some([0xfb]));
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused() {
        assert_eq!(decode_into(b"AAAA", &mut [0; 2]), None);
        assert_eq!(decode_into(b"AAAA", &mut [9; 4]), Some(&[0, 0, 0][..]));
    }
}
