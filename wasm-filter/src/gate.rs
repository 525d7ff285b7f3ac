//! The position `gate`: one request, its faults asked for in the order of precedence, the first one found the
//! answer. May not know the host that it runs in, nor any clock but the moment it is handed.

use std::{cell::RefCell, rc::Rc};

use warrant::{Chain, Denial, Expect, Presented, RawPath, Revocable, Seconds, Target, Verifier};

use crate::{
    cache::Kept,
    config::Config,
    parts::{Header, Parts},
    refusal::Refusal,
};

/// A gate as it was configured, and the chains it has seen.
#[derive(Debug)]
pub struct Gate<V> {
    config: Config,
    verifier: V,
    kept: RefCell<Kept>,
}

impl<V: Verifier> Gate<V> {
    /// A gate that verifies by `verifier`. `seed` is a number that nobody outside knows.
    pub fn new(config: Config, verifier: V, seed: u64) -> Self {
        Self { config, verifier, kept: RefCell::new(Kept::new(seed)) }
    }

    /// Whether nothing is known against a request with these headers. That is no permission: the server judges it next.
    ///
    /// # Errors
    /// The first denial that holds.
    pub fn admit(&self, headers: &[Header], now: Seconds) -> Result<(), Denial> {
        self.ask(Parts::read(headers)?, now)
    }

    fn ask(&self, Parts { method, authority, path, warrant }: Parts<'_>, now: Seconds) -> Result<(), Denial> {
        let Config { hosts, terms, .. } = &self.config;
        let (path, _query) = RawPath::parse(path)?;
        let host = hosts.canonical(authority).ok_or(Denial::TargetMismatch)?.clone();
        let chain = self.signed(warrant.ok_or(Denial::WarrantMissing)?)?;
        let target = Target { host, method, path };
        chain.check(&Expect { now, terms, revoked: &nothing_is_known_as_revoked, target: &target })?;
        Ok(())
    }

    /// What the client is told of a denial.
    pub fn refusal(&self, denial: Denial) -> Refusal {
        Refusal::new(denial, &self.config.terms.audience, self.config.issuers())
    }

    /// The chain in this header, its signatures verified now or earlier, its root's key trusted now.
    fn signed(&self, header: &[u8]) -> Result<Rc<Chain>, Denial> {
        let trust = &self.config.trust;
        let seen = self.kept.try_borrow_mut().ok().and_then(|mut kept| kept.find(header));
        if let Some(chain) = seen {
            chain.is_still_trusted(trust)?;
            return Ok(chain);
        }
        let chain = Rc::new(Presented::parse(header)?.signed_under(trust, &self.verifier)?);
        if let Ok(mut kept) = self.kept.try_borrow_mut() {
            kept.keep(header, Rc::clone(&chain));
        }
        Ok(chain)
    }
}

/// The governance statement will tell the gate what was revoked; until it does, only the server knows.
const fn nothing_is_known_as_revoked(_: &Revocable) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use warrant::{Method, PublicKey, PureVerifier, Signature};

    use super::*;
    use crate::testing::{self, NOW, grant, root, signed_by_authority, stranger};

    /// Counts how many signatures were verified.
    #[derive(Debug, Default)]
    struct Counting(Cell<usize>);

    impl Verifier for Counting {
        fn is_point(&self, key: &PublicKey) -> bool {
            PureVerifier.is_point(key)
        }
        fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
            self.0.set(self.0.get().saturating_add(1));
            PureVerifier.verify(key, message, signature)
        }
    }

    fn gate() -> Gate<Counting> {
        Gate::new(testing::config(), Counting::default(), 7)
    }

    fn method(text: &str) -> Method {
        Method::parse(text).unwrap()
    }

    fn request(warrant: &str) -> Parts<'_> {
        Parts {
            method: method("GET"),
            authority: b"LocalHost:10000",
            path: b"/hello/you?x=1",
            warrant: Some(warrant.as_bytes()),
        }
    }

    fn answer(parts: Parts<'_>) -> Result<(), Denial> {
        gate().ask(parts, NOW)
    }

    #[test]
    fn headers_are_read_before_anything_is_asked() {
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let warrant = testing::warrant();
        let mut headers = vec![
            header(":method", "GET"),
            header(":authority", "localhost"),
            header(":path", "/hello"),
            header("warrant", &warrant),
        ];
        assert_eq!(gate().admit(&headers, NOW), Ok(()));
        headers[1] = header(":authority", "evil.example");
        assert_eq!(gate().admit(&headers, NOW), Err(Denial::TargetMismatch));
        headers.push(header("warrant-proof", "a,b"));
        assert_eq!(gate().admit(&headers, NOW), Err(Denial::RequestAmbiguous));
    }

    #[test]
    fn a_good_warrant_passes() {
        assert_eq!(answer(request(&testing::warrant())), Ok(()));
    }

    #[test]
    fn without_a_warrant_nothing_passes() {
        assert_eq!(answer(Parts { warrant: None, ..request("") }), Err(Denial::WarrantMissing));
        assert_eq!(answer(request("x")), Err(Denial::WarrantMalformed));
    }

    #[test]
    fn a_path_that_can_be_read_in_two_ways_is_refused_before_its_host() {
        let good = testing::warrant();
        for path in [&b"/hello/../pay"[..], b"/hello//you", b"/hello/%2e", b"/hello/a;b", b"*", b""] {
            let parts = Parts { path, authority: b"evil.example", ..request(&good) };
            assert_eq!(answer(parts), Err(Denial::RequestAmbiguous), "{}", path.escape_ascii());
        }
    }

    #[test]
    fn a_host_that_is_not_served_is_told_so_before_any_warrant_is_looked_at() {
        for authority in [&b"localhost:9"[..], b"", b"localhost ", b"evil.example", b"\xff"] {
            assert_eq!(
                answer(Parts { authority, warrant: None, ..request("") }),
                Err(Denial::TargetMismatch)
            );
        }
    }

    #[test]
    fn a_stranger_can_sign_nothing() {
        let grant = grant();
        let kid = |kid| root(&grant).sign(&testing::authority(), kid).unwrap();
        assert_eq!(answer(request(&kid("a2"))), Err(Denial::IssuerUntrusted));
        let other_key = root(&grant).sign(&stranger(), "a1").unwrap();
        assert_eq!(answer(request(&other_key)), Err(Denial::SignatureInvalid));
        let mut sub = grant.clone();
        sub.sub = "someone".to_owned();
        assert_eq!(answer(request(&signed_by_authority(&sub))), Err(Denial::IssuerUntrusted));
    }

    #[test]
    fn a_changed_byte_is_found_in_every_part() {
        let good = testing::warrant();
        for part in 0..3 {
            let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
            let middle = parts[part].len() / 2;
            let changed = if parts[part].as_bytes()[middle] == b'A' { "B" } else { "A" };
            parts[part].replace_range(middle..=middle, changed);
            let denied = answer(request(&parts.join("."))).unwrap_err();
            assert!(
                matches!(denied, Denial::WarrantMalformed | Denial::SignatureInvalid),
                "{part}: {denied}"
            );
        }
    }

    #[test]
    fn time_audience_and_scope_are_asked_in_this_order() {
        let good = testing::warrant();
        let at = |seconds| gate().ask(request(&good), Seconds::new(seconds));
        assert_eq!(at(NOW.get() + 300), Err(Denial::Expired));
        assert_eq!(at(NOW.get() - 6), Err(Denial::NotYetValid));
        assert_eq!(at(NOW.get() - 5), Ok(()));

        let mut elsewhere = grant();
        elsewhere.aud = vec!["other".to_owned()];
        elsewhere.details[0].methods = vec!["POST".to_owned()];
        let elsewhere = signed_by_authority(&elsewhere);
        assert_eq!(gate().ask(request(&elsewhere), Seconds::new(NOW.get() + 300)), Err(Denial::Expired));
        assert_eq!(answer(request(&elsewhere)), Err(Denial::AudienceMismatch));

        let mut long = grant();
        long.exp = NOW.plus(3601);
        assert_eq!(answer(request(&signed_by_authority(&long))), Err(Denial::LifetimeTooLong));

        for outside in [
            Parts { method: method("POST"), ..request(&good) },
            Parts { method: method("get"), ..request(&good) },
            Parts { path: b"/bye", ..request(&good) },
            Parts { authority: b"other", ..request(&good) },
        ] {
            let asked = format!("{outside:?}");
            assert_eq!(answer(outside), Err(Denial::OutsideWarrant), "{asked}");
        }
    }

    #[test]
    fn a_delegation_passes_and_its_splices_do_not() {
        let chain = testing::delegated();
        assert_eq!(answer(request(&chain)), Ok(()));
        let (root, link) = chain.split_once('~').unwrap();
        assert_eq!(answer(request(link)), Err(Denial::WarrantMalformed));
        // The holder delegated to itself, so its key signed every link here: only the lineage tells.
        assert_eq!(answer(request(&format!("{root}~{link}~{link}"))), Err(Denial::LineageBroken));
    }

    #[test]
    fn a_warrant_seen_before_is_not_verified_again_but_asked_again() {
        let (gate, good) = (gate(), testing::delegated());
        for _ in 0..3 {
            assert_eq!(gate.ask(request(&good), NOW), Ok(()));
        }
        assert_eq!(gate.verifier.0.get(), 2, "one root and one link, once each");
        assert_eq!(gate.ask(request(&good), NOW.plus(300)), Err(Denial::Expired));
        assert_eq!(
            gate.ask(Parts { method: method("POST"), ..request(&good) }, NOW),
            Err(Denial::OutsideWarrant)
        );
        assert_eq!(gate.verifier.0.get(), 2);
    }

    #[test]
    fn what_did_not_hold_is_not_remembered() {
        let gate = gate();
        let bad = root(&grant()).sign(&stranger(), "a1").unwrap();
        for verified in 1..=3 {
            assert_eq!(gate.ask(request(&bad), NOW), Err(Denial::SignatureInvalid));
            assert_eq!(gate.verifier.0.get(), verified);
        }
    }
}
