"""Sends a token request, on a connection of its own.

The user's client could send it: `httpx` lets an auth flow yield further requests. But that client may follow redirects, log
bodies in its event hooks, trust other certificates, or send through a proxy that the environment names. Each would be right for
the user's requests, and would show a subject token to somebody who must not have it. So nothing of the user's client, and no
proxy of the environment, is used here. The roots are those of OpenSSL, for which `SSL_CERT_FILE` may name others.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from typing import TypedDict

import httpx

from .ask import Ask
from .authority import Authority, Exchange
from .errors import AuthorityUnreachableError, UnexpectedAnswerError
from .key import Key
from .warrant import Warrant

_MOST_BYTES_OF_AN_ANSWER = 64 * 1024


def obtain(authority: Authority, key: Key, ask: Ask) -> Warrant:
    exchange = Exchange.of(authority, key, ask)
    why = ""
    try:
        with httpx.Client(**_settings(authority)) as client:
            request = _request(client, exchange)
            response = client.send(request, stream=True)
            try:
                body = bytearray()
                for chunk in response.iter_raw():
                    _take(body, chunk)
            finally:
                response.close()
    except httpx.HTTPError as error:
        why = _reason(error)
    if why:
        raise _unreachable(authority, why)
    return exchange.warrant(response.status_code, response.headers.get("retry-after"), bytes(body))


async def obtain_async(authority: Authority, key: Key, ask: Ask) -> Warrant:
    # A token may be read from a file, or by a call over the network: not on the event loop.
    exchange = await asyncio.to_thread(Exchange.of, authority, key, ask)
    settings = await asyncio.to_thread(_settings, authority)
    why = ""
    try:
        async with httpx.AsyncClient(**settings) as client:
            request = _request(client, exchange)
            response = await client.send(request, stream=True)
            try:
                body = bytearray()
                async for chunk in response.aiter_raw():
                    _take(body, chunk)
            finally:
                await response.aclose()
    except httpx.HTTPError as error:
        why = _reason(error)
    if why:
        raise _unreachable(authority, why)
    return exchange.warrant(response.status_code, response.headers.get("retry-after"), bytes(body))


class _Settings(TypedDict):
    verify: ssl.SSLContext | bool
    timeout: float
    follow_redirects: bool
    trust_env: bool


def _settings(authority: Authority) -> _Settings:
    return {
        "verify": _verify(authority),
        "timeout": authority.timeout,
        "follow_redirects": False,
        "trust_env": False,
    }


def _verify(authority: Authority) -> ssl.SSLContext | bool:
    if authority.token_endpoint.startswith("http:"):
        return False  # there is no TLS here: `Authority` allows this for loopback only, or when it was told to
    context = authority.ssl_context
    if context is None:
        return _system_context()
    return context() if callable(context) else context


@functools.cache
def _system_context() -> ssl.SSLContext:
    """Made once: reading all certificate authorities of a system takes longer than a whole exchange."""
    return ssl.create_default_context()


def _request(client: httpx.Client | httpx.AsyncClient, exchange: Exchange) -> httpx.Request:
    request = client.build_request("POST", exchange.authority.token_endpoint, content=exchange.body)
    request.headers["Accept-Encoding"] = "identity"
    request.headers.update(exchange.headers(request.headers["Host"], request.url.raw_path.decode("ascii")))
    return request


def _take(body: bytearray, chunk: bytes) -> None:
    body += chunk
    if len(body) > _MOST_BYTES_OF_AN_ANSWER:
        raise UnexpectedAnswerError("the authority's answer is too large")


def _reason(error: httpx.HTTPError) -> str:
    """Why there was no answer. Without a connection, the text says whether it is the name, the port or the certificate, and nothing
    was sent that it could quote. Any other text is left out: it may quote a header."""
    name = type(error).__name__
    if not isinstance(error, httpx.ConnectError):
        return name
    hint = ": if a private root has signed it, name that in `ssl_context`" if "CERTIFICATE_VERIFY_FAILED" in str(error) else ""
    return f"{name}: {error}{hint}"


def _unreachable(authority: Authority, why: str) -> AuthorityUnreachableError:
    # Raised outside of the handler, so that it does not hold httpx's own error: that one holds the request with the token.
    return AuthorityUnreachableError(f"{authority.token_endpoint} did not answer ({why})")
