"""The agent for the library requests. It is imported only by `Portcullis.requests`, because requests is optional."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from ._attempts import Attempts
from .denials import Denial

if TYPE_CHECKING:
    from .agent import Portcullis

_OURS = ("Warrant", "Warrant-Proof")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class RequestsAuth(AuthBase):
    def __init__(self, agent: Portcullis) -> None:
        self._agent = agent

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        url = urlsplit(request.url or "")
        attempts = self._agent.attempts_at(url.scheme, request.method or "", _host(request), request.path_url, _body(request))
        attempts.obtain()
        request.headers.update(attempts.headers())

        def answered(response: requests.Response, **settings: Any) -> requests.Response:
            return _after(response, request.url, attempts, settings)

        request.register_hook("response", answered)  # type: ignore[no-untyped-call]
        return request

    def __repr__(self) -> str:
        return f"<RequestsAuth of {self._agent!r}>"


def _after(response: requests.Response, url: str | None, attempts: Attempts, settings: dict[str, Any]) -> requests.Response:
    """What requests calls with each answer, before it follows a redirect."""
    denied = []
    while True:
        sent = response.request
        # A redirect is followed with a copy of these headers, to whatever host the answer names.
        for name in _OURS:
            sent.headers.pop(name, None)
        if sent.url != url or not attempts.may_be_repeated_after(response.headers):
            break
        again = attempts.next_after(Denial.of(response.status_code, response.headers, response.content), response.headers)
        if again is None:
            break
        response.close()
        time.sleep(again.pause)
        if again.needs_warrant:
            attempts.obtain()
        request = sent.copy()
        request.headers.update(attempts.headers())
        denied.append(response)
        response = response.connection.send(request, **settings)
        response.request = request
    response.history = [*denied, *response.history]
    return response


def _host(request: requests.PreparedRequest) -> str:
    """The `Host` header that will be sent."""
    named = request.headers.get("Host")
    if named:
        return named.decode("ascii") if isinstance(named, bytes) else named
    url = urlsplit(request.url or "")
    host = (url.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    return host if url.port in (None, _DEFAULT_PORTS.get(url.scheme)) else f"{host}:{url.port}"


def _body(request: requests.PreparedRequest) -> bytes | None:
    """The body if it can be sent again: a stream or a file cannot."""
    body = request.body
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return body if isinstance(body, bytes) else None
