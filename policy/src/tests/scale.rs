//! Ten thousand routes: a route is found as fast as among ten, and a bundle is built and activated in
//! seconds.

use std::time::Instant;

use super::fixture::{Ask, PAY, built, bundle, files, target};
use crate::Files;
use crate::{Bundle, Principal};

/// The small bundle, and routes of the platform team until there are this many.
pub(crate) fn many(count: usize) -> Files {
    let mut files = files();
    for number in 2..count {
        let name = format!("route-{number}");
        let text = PAY
            .replace("name: pay", &format!("name: {name}"))
            .replace("/v1/payments/{account}", &format!("/v1/{}/{{account}}/{}/**", number % 97, number))
            .replace("callers: [\"group:payments-agents\"]", "args: {amount: {from: body:/amount, type: natural}}\n  callers: [\"group:payments-agents\"]\n  policy: |\n    @id(\"limit\") forbid (principal, action, resource) when { context.args.amount > 10000 };");
        files.insert(format!("routes/platform/{name}.yaml"), text.into_bytes());
    }
    files
}

/// Nanoseconds to find a route and judge it, the best of several runs.
fn judging(bundle: &Bundle) -> u128 {
    let ask = Ask::by(Principal::Agent("spiffe://shop/ns/shop/sa/payer".to_owned()));
    let run = || {
        let begin = Instant::now();
        for _ in 0..500 {
            let target = target("payments.shop", "POST", "/v1/payments/a-7");
            assert!(bundle.find(&target).route().is_some());
            assert!(ask.of(bundle).is_ok());
        }
        begin.elapsed().as_nanos() / 500
    };
    crate::on_a_deep_stack(|| (0..10).map(|_| run()).min().unwrap()).unwrap()
}

#[test]
fn the_same_route_is_found_among_hundreds() {
    let bundle = bundle(&many(300));
    assert_eq!(bundle.routes().len(), 300);
    for number in [2_usize, 100, 299] {
        let path = format!("/v1/{}/x/{number}/y", number % 97);
        let found =
            bundle.find(&target("payments.shop", "POST", &path)).route().map(|route| route.name().to_owned());
        assert_eq!(found, Some(format!("route-{number}")));
    }
}

/// Prints figures and asserts no limit, because times on a shared machine are not reliable. Run it alone,
/// with `--ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn figures() {
    let begin = Instant::now();
    let large = many(10_000);
    println!("written      {:?}", begin.elapsed());
    let begin = Instant::now();
    let built = built(&large);
    println!("built        {:?} ({} routes)", begin.elapsed(), built.routes().len());
    drop(built);
    let begin = Instant::now();
    let parcel = super::fixture::simple_parcel(&large, 1);
    println!("built+signed {:?}", begin.elapsed());
    let begin = Instant::now();
    let large = super::fixture::opened(&parcel).unwrap();
    println!("opened       {:?}", begin.elapsed());
    let small = bundle(&many(10));
    let (few, all) = (judging(&small), judging(&large));
    println!("judging among 10: {few} ns, among 10,000: {all} ns");
    println!("one ES256 signature check: {} ns", signature_check());
    let memory = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", memory.lines().find(|line| line.starts_with("VmRSS")).unwrap());
}

/// Nanoseconds for one verification on P-256, the best of several runs: the time of a judgement is compared
/// with it.
fn signature_check() -> u128 {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey,
    };

    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let message = [7_u8; 900];
    let signature = pair.sign(&SystemRandom::new(), &message).unwrap();
    let run = || {
        let begin = Instant::now();
        for _ in 0..200 {
            let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()).unwrap();
            key.verify_sig(&message, signature.as_ref()).unwrap();
        }
        begin.elapsed().as_nanos() / 200
    };
    (0..10).map(|_| run()).min().unwrap()
}
