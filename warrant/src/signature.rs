//! The 64 bytes of a signature, and the checks of their ranges. All verifiers must agree on these ranges, so they are
//! checked before any verifier is called.

use crate::key::{Algorithm, is_canonical_and_of_large_order};

/// A signature in the form of JWS: r and s, or R and S.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Takes the bytes, unchecked.
    pub const fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// Whether its two halves are in the range of this algorithm.
    ///
    /// ES256: `r` and `s` are from 1 to n-1, and a high `s` is accepted. Ed25519: `R` is canonical and not of small
    /// order, and `S` is below the group's order.
    pub fn is_in_range(&self, algorithm: Algorithm) -> bool {
        let (first, second) = self.halves();
        match algorithm {
            Algorithm::Es256 => {
                let in_group =
                    |half: &[u8]| half.iter().any(|b| *b != 0) && half.iter().lt(P256_ORDER.iter());
                in_group(first) && in_group(second)
            }
            Algorithm::Ed25519 => {
                first.try_into().is_ok_and(is_canonical_and_of_large_order)
                    && second.iter().rev().lt(ED25519_ORDER.iter())
            }
        }
    }

    /// An ECDSA signature in DER, for hosts that expect signatures in X.509 form.
    pub fn to_der(&self) -> Vec<u8> {
        let (r, s) = self.halves();
        let mut content = Vec::with_capacity(70);
        der_integer(&mut content, r);
        der_integer(&mut content, s);
        let mut der = Vec::with_capacity(72);
        der.push(0x30);
        der.push(u8::try_from(content.len()).unwrap_or(u8::MAX)); // at most 2 * 35
        der.append(&mut content);
        der
    }

    fn halves(&self) -> (&[u8], &[u8]) {
        self.0.split_at_checked(32).unwrap_or_default()
    }
}

fn der_integer(out: &mut Vec<u8>, big_endian: &[u8]) {
    let zeros = big_endian.iter().take_while(|b| **b == 0).count();
    let digits = big_endian.get(zeros..).unwrap_or_default();
    // With its high bit set, the number would be read as negative. Zero still needs one byte.
    let pad = digits.first().is_none_or(|b| *b >= 0x80);
    let length = digits.len().saturating_add(usize::from(pad));
    out.push(0x02);
    out.push(u8::try_from(length).unwrap_or(u8::MAX)); // at most 33
    if pad {
        out.push(0);
    }
    out.extend_from_slice(digits);
}

/// n of P-256, big-endian.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// L of Ed25519, big-endian.
const ED25519_ORDER: [u8; 32] = [
    0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x14,
    0xde, 0xf9, 0xde, 0xa2, 0xf7, 0x9c, 0xd6, 0x58, 0x12, 0x63, 0x1a, 0x5c, 0xf5, 0xd3, 0xed,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(first: [u8; 32], second: [u8; 32]) -> Signature {
        Signature::new([first, second].concat().try_into().unwrap())
    }

    fn below(order: [u8; 32]) -> [u8; 32] {
        let mut bytes = order;
        bytes[31] &= 0xfe; // both orders are odd
        bytes
    }

    fn reversed(mut bytes: [u8; 32]) -> [u8; 32] {
        bytes.reverse();
        bytes
    }

    #[test]
    fn es256_halves_are_in_1_to_n_minus_1() {
        let (zero, one, most) = (
            [0; 32],
            {
                let mut b = [0; 32];
                b[31] = 1;
                b
            },
            below(P256_ORDER),
        );
        for (r, s, good) in [
            (one, one, true),
            (most, most, true),
            (zero, one, false),
            (one, zero, false),
            (P256_ORDER, one, false),
            (one, P256_ORDER, false),
            ([0xff; 32], one, false),
            (one, [0xff; 32], false),
        ] {
            assert_eq!(signature(r, s).is_in_range(Algorithm::Es256), good);
        }
    }

    #[test]
    fn ed25519_s_is_below_the_order_and_r_is_canonical_and_not_of_small_order() {
        let r = [9; 32];
        let most = reversed(below(ED25519_ORDER));
        for (r, s, good) in [
            (r, [0; 32], true),
            (r, most, true),
            (r, reversed(ED25519_ORDER), false),
            (r, [0xff; 32], false),
            ([0; 32], most, false),
            ([0xff; 32], most, false),
        ] {
            assert_eq!(signature(r, s).is_in_range(Algorithm::Ed25519), good);
        }
    }

    #[test]
    fn der_strips_zeros_and_keeps_numbers_positive() {
        let mut one = [0; 32];
        one[31] = 1;
        assert_eq!(signature(one, one).to_der(), [0x30, 6, 2, 1, 1, 2, 1, 1]);
        let high = signature([0x80; 32], one).to_der();
        assert_eq!(&high[..6], &[0x30, 38, 2, 33, 0, 0x80]);
        assert_eq!(signature([0x7f; 32], [0xff; 32]).to_der().len(), 2 + 34 + 35);
    }
}
