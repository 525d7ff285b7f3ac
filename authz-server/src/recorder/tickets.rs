//! Tickets: what the proxy's access log brings back to show that a decision was ours, and where it stands in the record.
//! Nothing has to be remembered for them, over a restart neither.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::keys::DigestKey;

/// Makes tickets of one log, and knows them again.
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

    pub fn holds(&self, decision: &str, index: u64, proxy: &str, ticket: &str) -> bool {
        let tag = URL_SAFE_NO_PAD.decode(ticket);
        tag.is_ok_and(|tag| {
            hmac::verify(&self.key, self.text(decision, index, proxy).as_bytes(), &tag).is_ok()
        })
    }

    /// What may hold a line feed stands last.
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
        assert!(Tickets::of(&key, "shop/log/1").holds("d", 7, "p", &ticket), "after a restart too");
        assert!(!tickets.holds("e", 7, "p", &ticket));
        assert!(!tickets.holds("d", 8, "p", &ticket));
        assert!(!tickets.holds("d", 7, "another", &ticket) && !tickets.holds("dp", 7, "", &ticket));
        assert!(!Tickets::of(&key, "shop/log/2").holds("d", 7, "p", &ticket));
        assert!(!Tickets::of(&DigestKey::generate().unwrap(), "shop/log/1").holds("d", 7, "p", &ticket));
        for forged in ["", "AAAA", "no base64!"] {
            assert!(!tickets.holds("d", 7, "p", forged));
        }
        // What a client can have digested is never a ticket.
        let digest = URL_SAFE_NO_PAD.encode(key.digest(tickets.text("d", 7, "p").as_bytes()));
        assert!(!tickets.holds("d", 7, "p", &digest));
    }
}
