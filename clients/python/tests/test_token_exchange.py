"""What exactly is sent to an authority, and what is made of its answer."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from conftest import PAYMENTS, Recorder, root
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwk, jws

from portcullis import ID_TOKEN_TYPE, Ask, Authority, Key, Portcullis, TokenRefusedError
from portcullis._encoding import digest
from portcullis.authority import WARRANT_TYPE, Exchange
from portcullis.errors import AuthorityUnreachableError, ConfigurationError, UnexpectedAnswerError
from portcullis.testing import StubServer

KEY = Key.generate()
ASK = Ask(details=[PAYMENTS], resource=["https://payments.shop"], use=1, lifetime=60, max_depth=0)


def authority(**settings: Any) -> Authority:
    return Authority(**{"token_endpoint": "https://authority.shop/v1/token", "audience": "shop", **settings})


def form(exchange: Exchange) -> dict[str, str]:
    pairs = parse_qsl(exchange.body.decode(), strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_the_form_has_these_parameters_and_no_others() -> None:
    settings = {"subject_token": lambda: "SUBJECT\n", "subject_token_type": ID_TOKEN_TYPE, "actor_token": "ACTOR"}
    sent = form(Exchange.of(authority(**settings), KEY, ASK))
    assert json.loads(sent.pop("cnf")) == KEY.public.jwk
    assert json.loads(sent.pop("authorization_details")) == [{"type": "execution", **PAYMENTS}]
    assert sent == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "requested_token_type": "urn:portcullis:params:oauth:token-type:warrant",
        "audience": "shop",
        "resource": "https://payments.shop",
        "subject_token": "SUBJECT",
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        "actor_token": "ACTOR",
        "actor_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "lifetime": "60",
        "use": "1",
        "max_depth": "0",
    }


def test_what_is_not_said_is_not_sent() -> None:
    """Without a subject token the client certificate speaks. Without limits the authority's policy says them."""
    sent = form(Exchange.of(authority(), KEY, Ask(scope="payments-small")))
    assert set(sent) == {"grant_type", "requested_token_type", "audience", "cnf", "scope"}


def test_the_proof_shows_possession_of_the_key_for_this_body_alone() -> None:
    exchange = Exchange.of(authority(subject_token="t"), KEY, ASK)
    headers = exchange.headers("authority.shop", "/v1/token")
    read = jws.deserialize_compact(headers["Warrant-Proof"], jwk.import_key(dict(KEY.public.jwk)), ["ES256"])
    assert read.headers() == {"alg": "ES256", "typ": "warrant-proof+jwt"}
    claims = json.loads(read.payload)
    assert abs(claims.pop("iat") - time.time()) < 5
    assert len(claims.pop("jti")) >= 16
    assert claims == {
        "htm": "POST",
        "htu": "authority.shop/v1/token",
        "wch": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        "cd": digest(exchange.body),
    }
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "Warrant" not in headers
    assert "Authorization" not in headers


def test_what_is_sent_is_what_the_proof_names(stub: StubServer, agent: Portcullis) -> None:
    """The stub checks method, host, path and body of the proof, as a server does."""
    with Recorder() as recorder:
        with pytest.raises(UnexpectedAnswerError):
            Portcullis(KEY, [authority(token_endpoint=f"{recorder.url}/v1/token")]).obtain(ASK)
        [(method, path, headers, body)] = recorder.seen
    proof = json.loads(jws.extract_compact(headers["warrant-proof"].encode()).payload)
    assert (proof["htm"], proof["htu"], proof["cd"]) == (method, headers["host"] + path, digest(body))
    assert agent.obtain(ASK).leaf.claims["sub"] == "agent:stub"


def answer(**members: object) -> bytes:
    whole = {"access_token": root(KEY).text, "issued_token_type": WARRANT_TYPE, "token_type": "N_A", "expires_in": 60}
    return json.dumps({**whole, **members}).encode()


def test_only_a_root_for_this_key_is_taken() -> None:
    exchange = Exchange.of(authority(), KEY, ASK)
    assert exchange.warrant(200, None, answer()).leaf.holder == KEY.public
    other = Key.generate()
    for wrong in (
        answer(access_token=root(other).text),
        answer(access_token=root(other).delegate(other, "agent:demo", KEY.public).text),
        answer(access_token="token"),
        answer(access_token=7),
        answer(issued_token_type="urn:ietf:params:oauth:token-type:access_token"),
        answer()[:-1] + b', "access_token": "token"}',
        answer()[:-1] + b', "access_token": "' + root(KEY).text.encode() + b'"}',
        b"[]",
        b"",
        b"[" * 100_000,
    ):
        with pytest.raises(UnexpectedAnswerError):
            exchange.warrant(200, None, wrong)


def test_a_refusal_keeps_the_words_of_the_authority() -> None:
    exchange = Exchange.of(authority(subject_token="SECRET"), KEY, ASK)
    said = {"error": "invalid_request", "error_description": "SECRET\nis bad", "code": "malformed", "cure": "Correct it."}
    with pytest.raises(TokenRefusedError) as caught:
        exchange.warrant(400, "7", json.dumps(said).encode())
    error = caught.value
    assert (error.status, error.error, error.error_description) == (400, "invalid_request", "… is bad")
    assert (error.code, error.cure, error.retry_after) == ("malformed", "Correct it.", 7.0)
    assert str(error).startswith("https://authority.shop/v1/token refused with 400 invalid_request")
    with pytest.raises(TokenRefusedError):
        exchange.warrant(503, None, b"<html>")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), (" 7 ", 7.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), ("-7", None), ("\u0667", None), ("", None)],
)
def test_a_refusal_says_when_to_ask_again(header: str, seconds: float | None) -> None:
    with pytest.raises(TokenRefusedError) as caught:
        Exchange.of(authority(), KEY, ASK).warrant(429, header, b"{}")
    assert caught.value.retry_after == seconds
    assert ("ask again after" in str(caught.value)) is (seconds is not None)


def test_a_refusal_says_how_long_it_is_until_a_date() -> None:
    soon = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=60), usegmt=True)
    with pytest.raises(TokenRefusedError) as caught:
        Exchange.of(authority(), KEY, ASK).warrant(503, soon, b"")
    assert caught.value.retry_after == pytest.approx(60, abs=5)


TWICE = '[{"type":"execution","hosts":["a"],"hosts":["b"],"methods":["GET"],"paths":["/"]}]'


@pytest.mark.parametrize("written", [TWICE, "[", "", "null"])
def test_the_stub_refuses_details_that_two_readers_may_read_in_different_ways(
    stub: StubServer, agent: Portcullis, written: str
) -> None:
    ask = Ask(details=[PAYMENTS])
    ask._form = (("authorization_details", written),)
    with pytest.raises(TokenRefusedError) as caught:
        agent.obtain(ask)
    assert caught.value.error == "invalid_authorization_details"


def test_an_empty_token_is_not_sent() -> None:
    with pytest.raises(ConfigurationError, match="subject_token is empty"):
        Exchange.of(authority(subject_token=lambda: "\n"), KEY, ASK)


def test_an_authority_that_does_not_answer_is_told_apart_from_a_refusal(stub: StubServer) -> None:
    closed = stub.authority()
    stub.__exit__(None, None, None)
    with pytest.raises(AuthorityUnreachableError, match=f"{closed.token_endpoint} did not answer .*refused"):
        Portcullis(KEY, [closed]).obtain(ASK)
    stub.__enter__()


def test_a_certificate_that_nobody_trusts_is_named_as_the_reason(tmp_path: Path) -> None:
    with Recorder(certificate=self_signed(tmp_path)) as recorder:
        agent = Portcullis(KEY, [authority(token_endpoint=f"{recorder.url}/v1/token", subject_token="t")])
        for obtain in (agent.obtain, lambda ask: asyncio.run(agent.obtain_async(ask))):
            with pytest.raises(AuthorityUnreachableError, match=r"certificate verify failed.*`ssl_context`"):
                obtain(ASK)
        assert recorder.seen == []
        trusting = ssl.create_default_context(cafile=tmp_path / "server.pem")
        trusting_agent = Portcullis(KEY, [authority(token_endpoint=f"{recorder.url}/v1/token", ssl_context=trusting)])
        with pytest.raises(UnexpectedAnswerError):
            trusting_agent.obtain(ASK)
        assert len(recorder.seen) == 1


def self_signed(folder: Path) -> Path:
    """A file with the key and the certificate of 127.0.0.1, until tomorrow."""
    private, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    key = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / "server.pem"
    file.write_bytes(key + made.public_bytes(Encoding.PEM))
    return file


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    exchange = Exchange.of(authority(), KEY, ASK)
    assert len(exchange.body) < 4096
    taken = bytearray()
    from portcullis._transport import _take

    _take(taken, b"x" * 64 * 1024)
    with pytest.raises(UnexpectedAnswerError):
        _take(taken, b"x")


def test_the_host_in_the_proof_is_the_one_on_the_wire() -> None:
    """The default port is in neither."""
    request = httpx.Client(verify=False).build_request("POST", "https://authority.shop:443/v1/token")
    assert request.headers["Host"] == "authority.shop"
