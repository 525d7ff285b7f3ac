//! The position `gate`: checks one request in the order of precedence, and answers with the first denial that holds.
//! This module does not know the proxy in which it runs. It reads no clock: the time is passed in.

use std::{cell::RefCell, rc::Rc};

use warrant::{
    Chain, ChainExpectations, Denial, PresentedWarrant, RawPath, Seconds, Target, Verifier,
    statement::{Found, Held},
};

use crate::{
    cache::ChainCache,
    new_chains::NewChains,
    request_head::{Header, RequestHead},
};

/// A gate with its cache of chains.
#[derive(Debug)]
pub struct Gate<V> {
    verifier: V,
    cache: RefCell<ChainCache>,
    new_chains: RefCell<NewChains>,
}

/// What a request is checked by: what the gate holds, and the time.
#[derive(Clone, Copy, Debug)]
pub struct Governed<'a> {
    /// The last statement, which is current.
    pub held: &'a Held,
    /// The time.
    pub now: Seconds,
}

impl<V: Verifier> Gate<V> {
    /// A gate that verifies signatures with `verifier`. `seed` should be hard to guess from outside.
    pub fn new(verifier: V, seed: u64) -> Self {
        Self { verifier, cache: RefCell::new(ChainCache::new(seed)), new_chains: RefCell::default() }
    }

    /// Checks a request with these headers. A request that passes is not allowed yet: the server judges it next. `source`
    /// gives the client's address; it is asked only for a chain that was not seen before.
    ///
    /// # Errors
    /// The first denial that holds.
    pub fn admit(
        &self,
        headers: &[Header],
        governed: Governed<'_>,
        source: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), Denial> {
        self.check(RequestHead::read(headers)?, governed, source)
    }

    fn check(
        &self,
        RequestHead { method, authority, path, warrant }: RequestHead<'_>,
        Governed { held, now }: Governed<'_>,
        source: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), Denial> {
        let (rules, halts) = (held.rules(), held.halts());
        let (path, _query) = RawPath::parse(path)?;
        let host = rules.host(authority).ok_or(Denial::TargetMismatch)?.clone();
        if halts.is_halted(&host, &method, &path) {
            return Err(Denial::Halted);
        }
        match rules.found(&host, &method, &path, now) {
            // The server decides about these, and forwards them whatever their warrant is.
            Found::Ungoverned | Found::Observed => return Ok(()),
            Found::Governed => {}
        }
        let header = warrant.ok_or(Denial::WarrantMissing)?;
        let chain = self.verified_chain(header, Governed { held, now }, source)?;
        if halts.is_issuer_halted(chain.root().iss()) {
            return Err(Denial::Halted);
        }
        let target = Target { host, method, path };
        chain.check(&ChainExpectations {
            now,
            terms: rules.terms(),
            revoked: held.revocations(),
            target: &target,
        })?;
        Ok(())
    }

    /// The chain in this header. Its signatures are verified now or were verified earlier. Its root's key is trusted
    /// now.
    fn verified_chain(
        &self,
        header: &[u8],
        Governed { held, now }: Governed<'_>,
        source: impl FnOnce() -> Vec<u8>,
    ) -> Result<Rc<Chain>, Denial> {
        let trust = held.rules().trust();
        let cached = self.cache.try_borrow_mut().ok().and_then(|mut cache| cache.find(header));
        if let Some(chain) = cached
            && chain.is_verified_by(trust)?
        {
            return Ok(chain);
        }
        let presented = PresentedWarrant::parse(header)?;
        let may_verify =
            self.new_chains.try_borrow_mut().is_ok_and(|mut chains| chains.count(now, &source()));
        if !may_verify {
            return Err(Denial::Overloaded);
        }
        let chain = Rc::new(presented.verify(trust, &self.verifier)?);
        if let Ok(mut cache) = self.cache.try_borrow_mut() {
            cache.insert(header, Rc::clone(&chain));
        }
        Ok(chain)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use warrant::{
        Host, Mark, Method, PathPattern, PublicKey, PureVerifier, RevocationKind, Signature,
        statement::{Halts, MarkSet, Match},
    };

    use super::*;
    use crate::testing::{self, NOW, Says, grant, root, signed_by_authority, stranger};

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
        Gate::new(Counting::default(), 7)
    }

    fn check(gate: &Gate<Counting>, head: RequestHead<'_>, now: Seconds) -> Result<(), Denial> {
        check_by(&testing::says(), gate, head, now)
    }

    fn check_by(
        says: &Says,
        gate: &Gate<Counting>,
        head: RequestHead<'_>,
        now: Seconds,
    ) -> Result<(), Denial> {
        gate.check(head, Governed { held: &says.held(), now }, || b"10.0.0.1:40000".to_vec())
    }

    fn method(text: &str) -> Method {
        Method::parse(text).unwrap()
    }

    fn request(warrant: &str) -> RequestHead<'_> {
        RequestHead {
            method: method("GET"),
            authority: b"LocalHost:10000",
            path: b"/hello/you?x=1",
            warrant: Some(warrant.as_bytes()),
        }
    }

    fn answer(head: RequestHead<'_>) -> Result<(), Denial> {
        check(&gate(), head, NOW)
    }

    #[test]
    fn headers_are_read_before_anything_is_checked() {
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let warrant = testing::warrant();
        let mut headers = vec![
            header(":method", "GET"),
            header(":authority", "localhost"),
            header(":path", "/hello"),
            header("warrant", &warrant),
        ];
        let held = testing::says().held();
        let admit = |headers: &[Header]| gate().admit(headers, Governed { held: &held, now: NOW }, Vec::new);
        assert_eq!(admit(&headers), Ok(()));
        headers[1] = header(":authority", "evil.example");
        assert_eq!(admit(&headers), Err(Denial::TargetMismatch));
        headers.push(header("warrant-proof", "a,b"));
        assert_eq!(admit(&headers), Err(Denial::RequestAmbiguous));
    }

    #[test]
    fn a_good_warrant_passes() {
        assert_eq!(answer(request(&testing::warrant())), Ok(()));
    }

    #[test]
    fn without_a_warrant_nothing_passes() {
        assert_eq!(answer(RequestHead { warrant: None, ..request("") }), Err(Denial::WarrantMissing));
        assert_eq!(answer(request("x")), Err(Denial::WarrantMalformed));
    }

    #[test]
    fn a_path_that_can_be_read_in_two_ways_is_refused_before_its_host() {
        let good = testing::warrant();
        for path in [&b"/hello/../pay"[..], b"/hello//you", b"/hello/%2e", b"/hello/a;b", b"*", b""] {
            let head = RequestHead { path, authority: b"evil.example", ..request(&good) };
            assert_eq!(answer(head), Err(Denial::RequestAmbiguous), "{}", path.escape_ascii());
        }
    }

    #[test]
    fn a_host_that_is_not_served_is_denied_before_any_warrant_is_looked_at() {
        for authority in [&b"localhost:9"[..], b"", b"localhost ", b"evil.example", b"\xff"] {
            assert_eq!(
                answer(RequestHead { authority, warrant: None, ..request("") }),
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
    fn time_audience_and_scope_are_checked_in_this_order() {
        let good = testing::warrant();
        let at = |seconds| check(&gate(), request(&good), Seconds::new(seconds));
        assert_eq!(at(NOW.get() + 300), Err(Denial::Expired));
        assert_eq!(at(NOW.get() - 6), Err(Denial::NotYetValid));
        assert_eq!(at(NOW.get() - 5), Ok(()));

        let mut elsewhere = grant();
        elsewhere.aud = vec!["other".to_owned()];
        elsewhere.details[0].methods = vec!["POST".to_owned()];
        let elsewhere = signed_by_authority(&elsewhere);
        assert_eq!(check(&gate(), request(&elsewhere), Seconds::new(NOW.get() + 300)), Err(Denial::Expired));
        assert_eq!(answer(request(&elsewhere)), Err(Denial::AudienceMismatch));

        let mut long = grant();
        long.exp = NOW.plus(3601);
        assert_eq!(answer(request(&signed_by_authority(&long))), Err(Denial::LifetimeTooLong));

        for outside in [
            RequestHead { method: method("POST"), ..request(&good) },
            RequestHead { method: method("get"), ..request(&good) },
            RequestHead { path: b"/bye", ..request(&good) },
            RequestHead { authority: b"other", ..request(&good) },
        ] {
            let request = format!("{outside:?}");
            assert_eq!(answer(outside), Err(Denial::OutsideWarrant), "{request}");
        }
    }

    #[test]
    fn a_delegation_passes_and_a_spliced_one_does_not() {
        let chain = testing::delegated();
        assert_eq!(answer(request(&chain)), Ok(()));
        let (root, link) = chain.split_once('~').unwrap();
        assert_eq!(answer(request(link)), Err(Denial::WarrantMalformed));
        // The holder delegated to itself, so its key signed every link here. Only the lineage shows the fault.
        assert_eq!(answer(request(&format!("{root}~{link}~{link}"))), Err(Denial::LineageBroken));
    }

    #[test]
    fn a_cached_warrant_is_checked_again_but_not_verified_again() {
        let (gate, good) = (gate(), testing::delegated());
        for _ in 0..3 {
            assert_eq!(check(&gate, request(&good), NOW), Ok(()));
        }
        assert_eq!(gate.verifier.0.get(), 2, "one root and one link, once each");
        assert_eq!(check(&gate, request(&good), NOW.plus(300)), Err(Denial::Expired));
        assert_eq!(
            check(&gate, RequestHead { method: method("POST"), ..request(&good) }, NOW),
            Err(Denial::OutsideWarrant)
        );
        assert_eq!(gate.verifier.0.get(), 2);
    }

    #[test]
    fn a_warrant_that_does_not_hold_is_not_cached() {
        let gate = gate();
        let bad = root(&grant()).sign(&stranger(), "a1").unwrap();
        for verified in 1..=3 {
            assert_eq!(check(&gate, request(&bad), NOW), Err(Denial::SignatureInvalid));
            assert_eq!(gate.verifier.0.get(), verified);
        }
    }

    #[test]
    fn what_needs_no_warrant_passes_and_its_warrant_is_not_read() {
        for path in [&b"/open/x"[..], b"/watched/x"] {
            for warrant in [None, Some(&b"no warrant"[..])] {
                assert_eq!(
                    answer(RequestHead { path, warrant, ..request("") }),
                    Ok(()),
                    "{}",
                    path.escape_ascii()
                );
            }
            let head = RequestHead { path, warrant: None, method: method("POST"), ..request("") };
            assert_eq!(answer(head), Err(Denial::WarrantMissing));
        }
    }

    #[test]
    fn what_is_halted_is_denied_before_any_warrant_is_looked_at_and_an_issuer_after_its_signature() {
        let halted = |path: &str, halted| {
            let host = Host::parse("localhost").unwrap();
            Match::new(host, ["GET".into()].into(), PathPattern::parse(path).unwrap(), halted).unwrap()
        };
        let matches = vec![halted("/open/still", false), halted("/open/**", true)];
        let says = testing::says();
        let routes = Says { halts: Halts::new([].into(), matches).unwrap(), ..says.clone() };
        let open = |path| RequestHead { path, warrant: None, ..request("") };
        assert_eq!(check_by(&routes, &gate(), open(b"/open/x"), NOW), Err(Denial::Halted));
        assert_eq!(check_by(&routes, &gate(), open(b"/open/still"), NOW), Ok(()));

        let issuers = ["https://authority.demo".into()].into();
        let issuer = Says { halts: Halts::new(issuers, Vec::new()).unwrap(), ..says };
        let (good, bad) = (testing::warrant(), root(&grant()).sign(&stranger(), "a1").unwrap());
        assert_eq!(check_by(&issuer, &gate(), request(&good), NOW), Err(Denial::Halted));
        assert_eq!(check_by(&issuer, &gate(), request(&good), NOW.plus(300)), Err(Denial::Halted));
        assert_eq!(check_by(&issuer, &gate(), request(&bad), NOW), Err(Denial::SignatureInvalid));
    }

    #[test]
    fn a_revoked_name_denies_a_warrant_that_is_known_too() {
        let (gate, good) = (gate(), testing::delegated());
        assert_eq!(check(&gate, request(&good), NOW), Ok(()));
        for (kind, value) in [
            (RevocationKind::Path, "j1"),
            (RevocationKind::Path, "j1/j2"),
            (RevocationKind::Txn, "t1"),
            (RevocationKind::Sub, "agent:demo"),
        ] {
            let mark = Mark::of(kind, "https://authority.demo", value);
            let says = Says { revocations: MarkSet::new([mark]), ..testing::says() };
            assert_eq!(check_by(&says, &gate, request(&good), NOW), Err(Denial::Revoked), "{kind:?} {value}");
        }
        assert_eq!(gate.verifier.0.get(), 2);
    }

    #[test]
    fn one_client_cannot_have_new_chains_verified_without_end() {
        let (gate, held) = (gate(), testing::says().held());
        let stranger = root(&grant()).sign(&stranger(), "a1").unwrap();
        let from = |address: &str, warrant: &str| {
            gate.check(request(warrant), Governed { held: &held, now: NOW }, || address.as_bytes().to_vec())
        };
        let denied = (0..2_000).find(|_| from("10.0.0.1:1", &stranger) == Err(Denial::Overloaded));
        assert_eq!(denied, Some(1_000));
        // Others still get theirs, and what is known costs nothing.
        let good = testing::warrant();
        assert_eq!(from("10.0.0.2:1", &good), Ok(()));
        assert_eq!(from("10.0.0.1:1", &good), Ok(()));
    }
}
