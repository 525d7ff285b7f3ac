"""The golden vectors of the law: this client reads warrants and judges lineages as the gates do."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import vectors

from portcullis import MalformedWarrantError, PublicKey, Warrant
from portcullis._encoding import digest, from_base64url, from_json
from portcullis.warrant import first_fault_of_lineage

LINEAGE = ("lineage-broken", "lineage-widened", "lineage-too-deep")
# Two kinds of faults are for the gates alone: how a member's name was written, and which points of a curve are no keys.
LEFT_TO_THE_GATES = {90, *range(183, 193)}


def verdict(vector: dict[str, Any]) -> str:
    try:
        return first_fault_of_lineage(Warrant.parse(vector["warrant"][0])) or "ok"
    except MalformedWarrantError:
        return "warrant-malformed"


def test_every_malformed_warrant_is_refused() -> None:
    malformed = [vector for vector in vectors() if vector["expect"] == "warrant-malformed"]
    accepted = {vector["number"] for vector in malformed if verdict(vector) != "warrant-malformed"}
    assert accepted == LEFT_TO_THE_GATES
    assert len(malformed) > 300


def test_every_well_formed_warrant_is_read() -> None:
    others = [v for v in vectors() if v["expect"] not in ("warrant-malformed", "warrant-missing", "request-ambiguous")]
    assert [v["name"] for v in others if verdict(v) == "warrant-malformed"] == []
    assert len(others) > 250


@pytest.mark.parametrize("code", LINEAGE)
def test_every_lineage_is_judged_as_by_the_law(code: str) -> None:
    expected = {v["name"] for v in vectors() if v["expect"] == code}
    assert {v["name"] for v in vectors() if v["expect"] in (code, "ok") and verdict(v) == code} == expected
    assert expected


def test_every_warrant_that_holds_has_a_faultless_lineage() -> None:
    good = [v for v in vectors() if v["expect"] == "ok"]
    assert [v["name"] for v in good if verdict(v) != "ok"] == []
    assert sum(len(Warrant.parse(v["warrant"][0]).links) > 1 for v in good) > 20


def test_a_chain_expires_with_its_first_link_even_if_a_child_claims_to_outlive_its_parent() -> None:
    [vector] = [v for v in vectors() if v["name"] == "a link's exp outside its parent's"]
    warrant = Warrant.parse(vector["warrant"][0])
    assert warrant.expires == warrant.root.claims["exp"] < warrant.leaf.claims["exp"]


def test_signatures_thumbprints_and_parents_are_those_of_the_vectors() -> None:
    checked = 0
    for vector in (v for v in vectors() if v["expect"] == "ok"):
        warrant = Warrant.parse(vector["warrant"][0])
        trusted = next(one for one in vector["trust"] if one["iss"] == warrant.root.claims["iss"])
        jwk = next(one["jwk"] for one in trusted["keys"] if one["kid"] == warrant.root.header["kid"])
        signer = PublicKey.from_jwk(jwk)
        for link in warrant.links:
            signed, _, signature = link.token.rpartition(".")
            assert signer.verify(from_base64url(signature), signed.encode()), vector["name"]
            signer = link.holder
            checked += 1
        assert warrant.inspect().count("\n  key      ") == len(warrant.links)
    assert checked > 100


def test_proofs_have_the_claims_that_this_client_makes() -> None:
    proofs = [v for v in vectors() if v["expect"] == "ok" and v.get("proof")]
    for vector in proofs:
        claims = from_json(from_base64url(vector["warrant_proof"][0].split(".")[1]))
        request = vector["request"]
        assert claims["htu"] == request.get("authority", request["host"]) + request["path"]
        assert claims["htm"] == request["method"]
        assert claims["wch"] == digest(vector["warrant"][0].encode())
    assert len(proofs) >= 4
