from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import PAYMENTS, root
from joserfc import jwk, jws

from portcullis import DelegationError, Key, Warrant, WidenedError
from portcullis.errors import InvalidKeyError
from portcullis.key import Algorithm
from portcullis.warrant import first_fault_of_lineage

HELPER = Key.generate("Ed25519")
FULL: dict[str, Any] = {
    "use": {"max": 3},
    "env": {"region": ["eu-1", "eu-2"]},
    "att": {"measurement": ["sha256:" + "a" * 64]},
    "authorization_details": [{"type": "execution", **PAYMENTS, "actions": ["pay"], "args": {"amount": {"range": [1, 9]}}}],
}


def detail(**changes: Any) -> list[dict[str, Any]]:
    own = {name: value for name, value in FULL["authorization_details"][0].items() if name != "type"}
    return [{name: value for name, value in {**own, **changes}.items() if value is not None}]


@pytest.mark.parametrize("alg", ["ES256", "Ed25519"])
def test_a_stock_library_verifies_every_link_with_the_key_that_its_parent_names(alg: Algorithm) -> None:
    issuer, holder = Key.generate(alg), Key.generate(alg)
    child = root(holder, issuer).delegate(holder, "agent:helper", HELPER.public, use=1, lifetime=60)
    chain = child.delegate(HELPER, "agent:third", Key.generate(alg).public.jwk)
    signer, parent = jwk.import_key(dict(issuer.public.jwk)), None
    for depth, token in enumerate(chain.text.split("~")):
        read = jws.deserialize_compact(token, signer, algorithms=[str(signer.alg)])
        claims = json.loads(read.payload)
        assert claims["depth"] == depth
        if parent is not None:
            assert (claims["iss"], claims["parent"]) == (signer.thumbprint_uri(), parent)
        parent = chain.links[depth].name
        signer = jwk.import_key(claims["cnf"]["jwk"])
    assert first_fault_of_lineage(chain) is None


def test_what_is_left_out_is_inherited_and_what_only_a_root_may_have_is_not() -> None:
    holder = Key.generate()
    parent = root(holder, ini={"iss": "https://idp.shop", "sub": "u1"}, attr={"run": "7"}, **FULL)
    child = parent.delegate(holder, "agent:helper", HELPER.public).leaf.claims
    for name in ("aud", "nbf", "exp", "max_depth", *FULL):
        assert child[name] == parent.leaf.claims[name]
    assert not {"txn", "ini", "attr"} & set(child)
    assert child["sub"] == "agent:helper"


def test_a_narrower_child_says_what_was_asked() -> None:
    holder = Key.generate()
    narrower = detail(methods=["POST"], paths=["/v1/payments/a-7"], args={"amount": {"exact": 5}})
    child = root(holder, **FULL).delegate(
        holder, "agent:helper", HELPER.public, use=1, lifetime=60, max_depth=1, env={"region": ["eu-1"]}, details=narrower
    )
    claims = child.leaf.claims
    assert claims["use"] == {"max": 1}
    assert claims["exp"] - claims["iat"] == 60
    assert claims["env"] == {"region": ["eu-1"]}
    assert claims["authorization_details"] == [{"type": "execution", **narrower[0]}]
    assert (child.uses, child.expires) == (1, claims["exp"])
    assert Warrant.parse(child.text).text == child.text


@pytest.mark.parametrize(
    ("dimension", "wider"),
    [
        ("use", {"use": 4}),
        ("time", {"lifetime": 4_000_000_000}),
        ("time", {"nbf": 1_600_000_000}),
        ("max_depth", {"max_depth": 8}),
        ("aud", {"aud": ["shop", "bank"]}),
        ("env", {"env": {}}),
        ("env", {"env": {"region": ["us-1"]}}),
        ("att", {"att": ["sha256:" + "b" * 64]}),
        ("authorization_details", {"details": detail(hosts=["bank.shop"])}),
        ("authorization_details", {"details": detail(methods=["DELETE"])}),
        ("authorization_details", {"details": detail(paths=["/**"])}),
        ("authorization_details", {"details": detail(actions=None)}),
        ("authorization_details", {"details": detail(args=None)}),
        ("authorization_details", {"details": detail(args={"amount": {"any": True}})}),
    ],
)
def test_a_child_that_would_be_wider_is_not_made(dimension: str, wider: dict[str, Any]) -> None:
    holder = Key.generate()
    with pytest.raises(WidenedError) as caught:
        root(holder, **FULL).delegate(holder, "agent:helper", HELPER.public, **wider)
    assert caught.value.dimension == dimension


def test_a_boolean_is_not_a_number() -> None:
    holder = Key.generate()
    parent = root(holder, authorization_details=[{"type": "execution", **PAYMENTS, "args": {"n": {"one_of": [1, "1"]}}}])
    with pytest.raises(WidenedError):
        parent.delegate(holder, "agent:helper", HELPER.public, details=[{**PAYMENTS, "args": {"n": {"exact": True}}}])


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"use": 0}, "`use` must have a `max` from 1"),
        ({"details": [{**PAYMENTS, "paths": ["/a/**/b"]}]}, "`paths` must be a list of one or more patterns"),
        ({"details": [{**PAYMENTS, "hosts": "payments.shop"}]}, "`hosts` must be a list"),
        ({"details": []}, "at least one detail"),
        ({"lifetime": 0, "nbf": 2**40}, "`nbf` must be before `exp`"),
    ],
)
def test_a_malformed_child_is_not_made(wrong: dict[str, Any], named: str) -> None:
    holder = Key.generate()
    with pytest.raises(DelegationError, match=f"malformed: .*{named}"):
        root(holder).delegate(holder, "agent:helper", HELPER.public, **wrong)


def test_only_the_holder_delegates_and_proves() -> None:
    warrant = root(Key.generate())
    with pytest.raises(DelegationError, match="bound to another key"):
        warrant.delegate(HELPER, "agent:helper", HELPER.public)
    with pytest.raises(InvalidKeyError):
        warrant.prove(HELPER, "GET", "payments.shop", "/")


def test_a_sealed_warrant_is_not_delegated() -> None:
    holder = Key.generate()
    with pytest.raises(DelegationError, match="lineage-too-deep"):
        root(holder, max_depth=0).delegate(holder, "agent:helper", HELPER.public)


def test_a_chain_has_at_most_eight_links() -> None:
    holder = Key.generate("Ed25519")
    warrant = root(holder, max_depth=20)
    for _ in range(7):
        warrant = warrant.delegate(holder, "agent:demo", holder.public)
    with pytest.raises(DelegationError, match="8 links"):
        warrant.delegate(holder, "agent:demo", holder.public)


def test_a_link_has_at_most_2_kib_and_a_chain_12() -> None:
    holder = Key.generate()
    long = [f"/v1/payments/{'a' * 190}/{number}" for number in range(8)]
    with pytest.raises(DelegationError, match="2048 bytes"):
        root(holder).delegate(holder, "agent:helper", HELPER.public, details=[{**PAYMENTS, "paths": long}])
    wide = root(holder, authorization_details=[{"type": "execution", **PAYMENTS, "paths": long[:4]}])
    warrant = wide
    for _ in range(5):
        warrant = warrant.delegate(holder, "agent:demo", holder.public)
    with pytest.raises(DelegationError, match="12288"):
        warrant.delegate(holder, "agent:demo", holder.public)


def test_a_proof_is_about_exactly_one_request() -> None:
    holder = Key.generate()
    warrant = root(holder)
    proofs = [warrant.prove(holder, "POST", "payments.shop:8443", "/v1/payments/a-7?x=1", b"{}") for _ in range(2)]
    claims = [json.loads(jws.deserialize_compact(p, jwk.import_key(dict(holder.public.jwk)), ["ES256"]).payload) for p in proofs]
    assert claims[0]["htm"] == "POST"
    assert claims[0]["htu"] == "payments.shop:8443/v1/payments/a-7?x=1"
    assert set(claims[0]) == {"jti", "iat", "htm", "htu", "wch", "cd"}
    assert claims[0]["jti"] != claims[1]["jti"]
    assert len(proofs[0]) < 2048


def test_a_warrants_text_is_in_no_repr() -> None:
    holder = Key.generate()
    warrant = root(holder)
    shown = repr(warrant) + str(warrant) + repr(warrant.links) + warrant.inspect()
    assert warrant.text.split(".")[1] not in shown
    assert "agent:demo" in shown
