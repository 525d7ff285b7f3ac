//! Who is permitted.

use warrant::{Denial, Seconds};

use super::fixture::{NOW, bundle, edited, files, target};
use crate::policy::{Asked, Bundle, Decided, Principal, Refused, decide};

fn ask(bundle: &Bundle, principal: Principal<'_>) -> Result<Decided, Refused> {
    let route = bundle.route(&target("payments.shop", "POST", "/v1/payments/a")).unwrap();
    decide(bundle, route, &Asked { principal, now: Seconds::new(NOW), root_sub: "agent:a" })
}

#[test]
fn callers_are_the_allow_list() {
    let bundle = bundle(&files());
    for name in ["spiffe://shop/ns/shop/sa/payer", "spiffe://shop/ns/batch/sa/a"] {
        assert_eq!(
            ask(&bundle, Principal::Agent(name)).unwrap().policies,
            ["pay/caller:group:payments-agents"]
        );
    }
    for name in ["spiffe://shop/ns/x/sa/y", "agent:a", "", "spiffe://shop/ns/batch"] {
        assert_eq!(ask(&bundle, Principal::Agent(name)).unwrap_err().denial, Denial::PolicyDenied, "{name}");
    }
}

#[test]
fn a_key_is_in_no_group_and_has_no_name() {
    let name = "spiffe://shop/ns/shop/sa/payer";
    assert_eq!(ask(&bundle(&files()), Principal::Key(name)).unwrap_err().denial, Denial::PolicyDenied);
    let by_name = bundle(&edited("routes/payments/pay.yaml", "group:payments-agents", name));
    assert!(ask(&by_name, Principal::Agent(name)).is_ok());
    assert_eq!(ask(&by_name, Principal::Key(name)).unwrap_err().denial, Denial::PolicyDenied);
    let by_anyone = bundle(&edited("routes/payments/pay.yaml", "group:payments-agents", "any-holder"));
    assert_eq!(ask(&by_anyone, Principal::Key(name)).unwrap().policies, ["pay/caller:any-holder"]);
}
