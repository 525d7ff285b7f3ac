"""Who gets to see a token, a warrant or a key: nobody but whom the agent's author has named."""

from __future__ import annotations

import asyncio
import logging
import traceback
from dataclasses import replace

import httpx
import pytest
from conftest import Recorder, Send

from portcullis import Ask, Authority, Key, Portcullis, PortcullisError
from portcullis.errors import ConfigurationError, UnexpectedAnswerError
from portcullis.testing import Execution, StubServer

SECRET = "SUBJECT-TOKEN-THAT-NOBODY-MAY-SEE"


def challenge(evil: Recorder, *issuers: str) -> str:
    """A 401 that leads to a hostile server twice: as the first of the issuers, and as the place to read about them."""
    named = " ".join([evil.url, *issuers])
    return f'Warrant realm="stub", error="issuer-untrusted", issuers="{named}", resource_metadata="{evil.url}/.well-known/x"'


def assert_that_nobody_came(server: Recorder) -> None:
    """Nor is that because nobody can: this test's own request arrives."""
    assert server.seen == []
    httpx.get(f"{server.url}/of-the-test", verify=False, trust_env=False)
    assert [path for _, path, _, _ in server.seen] == ["/of-the-test"]


def test_a_challenge_introduces_no_authority_and_nothing_is_fetched_from_it(
    stub: StubServer, agent: Portcullis, send: Send
) -> None:
    with Recorder() as evil:
        stub.deny_next("issuer-untrusted", challenge=challenge(evil))
        answer = send(agent, "GET", f"{stub.url}/v1/payments/a-7")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].count(evil.url) == 2
        assert_that_nobody_came(evil)
    assert len(stub.token_requests) == 1


def test_a_challenge_selects_among_the_configured_authorities(stub: StubServer, key: Key, send: Send) -> None:
    with StubServer() as other, Recorder() as evil:
        agent = Portcullis(key, [other.authority(audience="stub"), stub.authority()])
        answer = send(agent, "GET", f"{stub.url}/v1/payments/a-7")
        assert answer.status_code == 200
        assert (len(other.token_requests), len(stub.token_requests)) == (1, 1)
        # The gate at this host has named its authority: it is asked first from now on.
        stub.deny_next("revoked")
        assert send(agent, "GET", f"{stub.url}/v1/payments/a-8").status_code == 200
        assert (len(other.token_requests), len(stub.token_requests)) == (1, 3)
        stub.deny_next("issuer-untrusted", challenge=challenge(evil, stub.url))
        answer = send(agent, "GET", f"{stub.url}/v1/payments/a-9")
        assert [one.headers["WWW-Authenticate"].count(evil.url) for one in answer.history] == [2]
        assert answer.status_code == 200
        assert (len(other.token_requests), len(stub.token_requests)) == (1, 5)
        assert_that_nobody_came(evil)


def test_a_challenge_of_another_mesh_selects_nobody(stub: StubServer, key: Key, send: Send) -> None:
    agent = Portcullis(key, [replace(stub.authority(), issuer="https://a"), replace(stub.authority(), issuer="https://b")])
    stub.deny_next("issuer-untrusted", challenge='Warrant realm="other", issuers="https://b"')
    assert send(agent, "GET", f"{stub.url}/v1/payments/a-7").status_code == 401
    assert len(stub.token_requests) == 1


def test_an_authority_is_https_or_loopback_or_expressly_allowed() -> None:
    for good in ("https://authority.shop/v1/token", "http://127.0.0.1:1/v1/token", "http://[::1]:1/t", "http://localhost/t"):
        Authority(token_endpoint=good, audience="shop")
    Authority(token_endpoint="http://authority.shop/v1/token", audience="shop", allow_cleartext=True)
    for bad in (
        "http://authority.shop/v1/token",
        "http://127.0.0.1.evil.example/t",
        "http://evil.localhost/t",
        "http://10.0.0.1/t",
        "ftp://authority.shop/t",
        "authority.shop/t",
        "https://user@authority.shop/t",
        "https:///t",
        "https://authority.shop/t?a=b",
        "https://authority.shop:65536/t",
        "https://authority.shop:0/t",
        "https://[::1/t",
    ):
        with pytest.raises(ConfigurationError, match=r"`token_endpoint` must be|is not https"):
            Authority(token_endpoint=bad, audience="shop")
    with pytest.raises(ConfigurationError) as caught:
        Authority(token_endpoint=f"https://agent:{SECRET}@authority.shop/t", audience="shop")
    assert SECRET not in everything_shown(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_subject_token_does_not_follow_a_redirect(key: Key, status: int) -> None:
    with Recorder() as evil, Recorder(status, {"Location": f"{evil.url}/v1/token"}) as authority:
        agent = Portcullis(key, [Authority(f"{authority.url}/v1/token", "shop", subject_token=SECRET)])
        with pytest.raises(UnexpectedAnswerError, match="redirects"):
            agent.obtain(Ask(scope="g"))
        with pytest.raises(UnexpectedAnswerError, match="redirects"):
            asyncio.run(agent.obtain_async(Ask(scope="g")))
        assert len(authority.seen) == 2
        assert_that_nobody_came(evil)


def redirecting(client: type[httpx.Client] | type[httpx.AsyncClient], agent: Portcullis, url: str) -> httpx.Response:
    if issubclass(client, httpx.Client):
        with client(auth=agent, follow_redirects=True, verify=False) as sync:
            return sync.post(url, content=b"{}")

    async def go() -> httpx.Response:
        async with client(auth=agent, follow_redirects=True, verify=False) as own:
            return await own.post(url, content=b"{}")

    return asyncio.run(go())


@pytest.mark.parametrize("client", [httpx.Client, httpx.AsyncClient])
@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_carries_neither_warrant_nor_proof(
    stub: StubServer, agent: Portcullis, client: type[httpx.Client] | type[httpx.AsyncClient], status: int
) -> None:
    with Recorder() as other:

        def redirect(_: Execution) -> tuple[int, dict[str, str], bytes]:
            return status, {"Location": f"{other.url}/taken"}, b""

        stub.upstream = redirect
        assert redirecting(client, agent, f"{stub.url}/v1/payments/a-7").status_code == 200
        [(_, path, headers, _)] = other.seen
        assert path == "/taken"
        assert [name for name in headers if name.startswith("warrant")] == []


def test_a_denial_after_a_redirect_is_not_cured_with_a_warrant_for_the_first_request(stub: StubServer, agent: Portcullis) -> None:
    def redirect(_: Execution) -> tuple[int, dict[str, str], bytes]:
        return 302, {"Location": f"{stub.url}/other"}, b""

    stub.upstream = redirect
    answer = redirecting(httpx.Client, agent, f"{stub.url}/v1/payments/a-7")
    assert answer.json()["code"] == "warrant-missing"
    assert len(stub.executions) == 1


def test_the_users_client_never_sees_the_token_request(stub: StubServer, key: Key) -> None:
    """Its event hooks log, its base settings are for other hosts: the token goes by a connection of its own."""
    seen: list[httpx.Request] = []
    agent = Portcullis(key, [stub.authority()])
    with httpx.Client(auth=agent, verify=False, event_hooks={"request": [seen.append]}) as client:
        client.get(f"{stub.url}/v1/payments/a-7")
    assert [str(request.url) for request in seen] == [f"{stub.url}/v1/payments/a-7"]
    assert not any(stub.subject_token in str(request.headers) for request in seen)


def test_the_environment_does_not_choose_a_proxy_for_the_token(
    stub: StubServer, agent: Portcullis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Recorder() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        agent.obtain(Ask(details=[{"hosts": ["a"], "methods": ["GET"], "paths": ["/"]}]))
        assert_that_nobody_came(proxy)


def everything_shown(error: BaseException) -> str:
    """What a log or a crash reporter shows of an exception: its text, its attributes, and all that it holds on to."""
    shown = "".join(traceback.format_exception(error))
    one: BaseException | None = error
    while one is not None:
        shown += repr(one) + str(vars(one)) + str(getattr(one, "request", ""))
        shown += str(getattr(getattr(one, "_request", None), "content", b""))
        one = one.__cause__ or one.__context__
    return shown


@pytest.mark.parametrize(("status", "headers"), [(200, {}), (302, {"Location": "https://a.example/"}), (400, {}), (500, {})])
def test_no_exception_shows_a_token(key: Key, status: int, headers: dict[str, str]) -> None:
    with Recorder(status, headers) as authority:
        agent = Portcullis(key, [Authority(f"{authority.url}/v1/token", "shop", subject_token=SECRET, actor_token=SECRET)])
        with pytest.raises(PortcullisError) as caught:
            agent.obtain(Ask(scope="g"))
    assert SECRET not in everything_shown(caught.value)


def test_an_authority_that_is_not_there_shows_no_token(key: Key) -> None:
    agent = Portcullis(key, [Authority("http://127.0.0.1:9/v1/token", "shop", subject_token=SECRET)])
    with pytest.raises(PortcullisError) as caught:
        agent.obtain(Ask(scope="g"))
    assert SECRET not in everything_shown(caught.value)
    with pytest.raises(PortcullisError) as again:
        asyncio.run(agent.obtain_async(Ask(scope="g")))
    assert SECRET not in everything_shown(again.value)


def test_no_repr_shows_a_token_a_warrant_or_a_proof(stub: StubServer, key: Key, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    authority = stub.authority(actor_token=SECRET)
    agent = Portcullis(key, [authority])
    with httpx.Client(auth=agent, verify=False) as client:
        answer = client.get(f"{stub.url}/v1/payments/a-7")
    [execution] = stub.executions
    shown = repr([agent, authority, agent._wallet, agent.requests(), answer.request.headers, answer.request, answer])
    for secret in (stub.subject_token, SECRET, execution.warrant.text):
        assert secret not in shown
        assert secret not in caplog.text


def test_the_ask_of_an_attacker_s_url_stays_within_the_form(stub: StubServer, agent: Portcullis) -> None:
    """A query with separators of forms and JSON does not add a parameter to the token request."""
    with httpx.Client(auth=agent, verify=False) as client:
        client.get(f'{stub.url}/v1/payments/a-7&scope=all?"}}]&scope=all')
    assert "scope" not in stub.token_requests[0]
