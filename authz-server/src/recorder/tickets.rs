//! Tickets: the access log brings them back to prove that a decision was ours, and at which index it is recorded. The
//! server does not have to remember them, not even over a restart.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::keys::DigestKey;

/// Makes and verifies the tickets of one log.
pub struct Tickets {
    key: hmac::Key,
    origin: String,
}

impl Tickets {
    pub fn of(key: &DigestKey, origin: &str) -> Tickets {
        Tickets { key: key.derived(b"portcullis ticket v1"), origin: origin.to_owned() }
    }

    /// The ticket of the decision with this id and this index in the log, for the proxy that was answered.
    pub fn issue(&self, decision: &str, index: u64, proxy: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, self.text(decision, index, proxy).as_bytes()))
    }

    pub fn is_valid(&self, decision: &str, index: u64, proxy: &str, ticket: &str) -> bool {
        let tag = URL_SAFE_NO_PAD.decode(ticket);
        tag.is_ok_and(|tag| {
            hmac::verify(&self.key, self.text(decision, index, proxy).as_bytes(), &tag).is_ok()
        })
    }

    /// Parts that may contain a line feed come last.
    fn text(&self, decision: &str, index: u64, proxy: &str) -> String {
        let origin = &self.origin;
        format!("{origin}\n{index}\n{}\n{decision}{proxy}", decision.len())
    }
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_for_one_decision_at_one_place_of_one_log_and_for_one_proxy() {
        let key = DigestKey::generate().unwrap();
        let tickets = Tickets::of(&key, "shop/log/1");
        let ticket = tickets.issue("d", 7, "p");
        assert!(Tickets::of(&key, "shop/log/1").is_valid("d", 7, "p", &ticket), "after a restart too");
        assert!(!tickets.is_valid("e", 7, "p", &ticket));
        assert!(!tickets.is_valid("d", 8, "p", &ticket));
        assert!(!tickets.is_valid("d", 7, "another", &ticket) && !tickets.is_valid("dp", 7, "", &ticket));
        assert!(!Tickets::of(&key, "shop/log/2").is_valid("d", 7, "p", &ticket));
        assert!(!Tickets::of(&DigestKey::generate().unwrap(), "shop/log/1").is_valid("d", 7, "p", &ticket));
        for forged in ["", "AAAA", "no base64!"] {
            assert!(!tickets.is_valid("d", 7, "p", forged));
        }
        // A digest that a client can cause is never a ticket.
        let digest = URL_SAFE_NO_PAD.encode(key.digest(tickets.text("d", 7, "p").as_bytes()));
        assert!(!tickets.is_valid("d", 7, "p", &digest));
    }
}
