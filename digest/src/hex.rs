//! Lower-case hexadecimal digits. It knows no other spelling, so that a value has one text.

/// The digits of these bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        digits.extend(
            [byte >> 4, byte & 15].into_iter().filter_map(|digit| char::from_digit(digit.into(), 16)),
        );
    }
    digits
}

/// The bytes of an even number of digits.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len() / 2];
    decode_into(text, &mut bytes).then_some(bytes)
}

/// Fills `bytes` from exactly twice as many digits. Returns false for any other text.
pub(crate) fn decode_into(text: &str, bytes: &mut [u8]) -> bool {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => byte.checked_sub(b'0'),
        b'a'..=b'f' => byte.checked_sub(b'a')?.checked_add(10),
        _ => None,
    };
    let value = |[high, low]: &[u8; 2]| Some(digit(high)?.checked_mul(16)? | digit(low)?);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    rest.is_empty()
        && pairs.len() == bytes.len()
        && bytes.iter_mut().zip(pairs).all(|(byte, pair)| value(pair).map(|value| *byte = value).is_some())
}
