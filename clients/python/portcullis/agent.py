"""The agent: authentication for `httpx`, and through `requests()` for the library requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING

import httpx

from ._attempts import Attempts, Supply
from ._wallet import Wallet
from ._wire_headers import WireHeaders
from .ask import Ask, Target, narrowest
from .authority import Authority
from .denials import Denial
from .errors import ConfigurationError, InvalidKeyError
from .key import Key
from .warrant import Warrant

if TYPE_CHECKING:
    from ._requests import RequestsAuth

Asks = Ask | Callable[[Target], Ask]


class Portcullis(httpx.Auth):
    """An agent with its key: `httpx.get(url, auth=agent)`. Threads may share it, and so may tasks of asyncio.

    What it asks for is `narrowest`, unless `scope` names a grant, or `ask` is a question or a function that makes one for a
    request. With `warrant`, for instance one that another agent has delegated, it asks nobody and sends this one.

    `canonical_hosts` says which name the mesh has for a host, where that is not the host of the URL, port included:
    `{"localhost:10000": "localhost"}`.

    After a denial that can be cured it tries again: at most `retries` times, and no later than `deadline` seconds after the
    first attempt. `denials.DENIALS` says which those are. Any other denial is the response that the caller gets, and `Denial`
    reads it.
    """

    def __init__(
        self,
        key: Key,
        authorities: Sequence[Authority] = (),
        *,
        scope: str | None = None,
        ask: Asks | None = None,
        warrant: Warrant | None = None,
        canonical_hosts: Mapping[str, str] | None = None,
        retries: int = 2,
        deadline: float = 10.0,
    ) -> None:
        if scope is not None and ask is not None:
            raise ConfigurationError("`scope` and `ask` both say what to ask for: give one of them")
        if warrant is not None and (scope is not None or ask is not None):
            raise ConfigurationError("with `warrant` nobody is asked: leave `scope` and `ask` out")
        if bool(authorities) == (warrant is not None):
            raise ConfigurationError("give either the authorities to ask, or the warrant to send")
        if warrant is not None and warrant.leaf.holder != key.public:
            raise InvalidKeyError("the warrant is bound to another key: give the key for which it was issued or delegated")
        self._key = key
        self._authorities = tuple(authorities)
        self._warrant = warrant
        self._asks: Asks = ask or narrowest
        if scope is not None:
            self._asks = lambda target: Ask(scope=scope, resource=[target.origin])
        self._canonical_hosts = {name.lower(): host for name, host in (canonical_hosts or {}).items()}
        self._retries = retries
        self._deadline = deadline
        self._wallet = Wallet(key)
        self._preferred: dict[str, Authority] = {}

    def obtain(self, ask: Ask) -> Warrant:
        """A warrant of the first authority, to keep, to inspect or to delegate."""
        return self._wallet.get(self._first_authority(), ask)

    async def obtain_async(self, ask: Ask) -> Warrant:
        """The same, on an event loop of asyncio."""
        return await self._wallet.get_async(self._first_authority(), ask)

    def requests(self) -> RequestsAuth:
        """The same agent for the library requests: `requests.get(url, auth=agent.requests())`."""
        from ._requests import RequestsAuth

        return RequestsAuth(self)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        attempts = self._attempts_of(request)
        attempts.obtain()
        own = request.headers
        while True:
            request.headers = WireHeaders(own, attempts.headers())
            response = yield request
            # The answer to another request is the end of a redirect, which had no warrant.
            if response.request is not request or not attempts.may_be_repeated_after(response.headers):
                return
            response.read()
            again = attempts.next_after(_denial(response), response.headers)
            if again is None:
                return
            time.sleep(again.pause)
            if again.needs_warrant:
                attempts.obtain()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        attempts = self._attempts_of(request)
        await attempts.obtain_async()
        own = request.headers
        while True:
            request.headers = WireHeaders(own, attempts.headers())
            response = yield request
            if response.request is not request or not attempts.may_be_repeated_after(response.headers):
                return
            await response.aread()
            again = attempts.next_after(_denial(response), response.headers)
            if again is None:
                return
            await asyncio.sleep(again.pause)
            if again.needs_warrant:
                await attempts.obtain_async()

    def attempts_at(self, scheme: str, method: str, authority: str, path_and_query: str, body: bytes | None) -> Attempts:
        """For adapters of HTTP libraries. All of it is exactly what will be sent."""
        host = authority.lower()
        target = Target(scheme, method, authority, self._canonical_hosts.get(host, host), path_and_query)
        if self._warrant is not None:
            supply: Supply | Warrant = self._warrant
        else:
            ask = self._asks if isinstance(self._asks, Ask) else self._asks(target)
            supply = Supply(self._wallet, self._authorities, ask, self._preferred)
        return Attempts(self._key, target, body, supply, retries=self._retries, deadline=self._deadline)

    def _attempts_of(self, request: httpx.Request) -> Attempts:
        try:
            body = request.content
        except httpx.RequestNotRead:
            body = None  # a generator or a file: reading it here would leave nothing to send, or hold all of it in memory
        path = request.url.raw_path.decode("ascii")
        return self.attempts_at(request.url.scheme, request.method, request.headers["Host"], path, body)

    def _first_authority(self) -> Authority:
        if not self._authorities:
            raise ConfigurationError("this agent has a warrant and no authority to ask for another")
        return self._authorities[0]

    def __repr__(self) -> str:
        return f"<Portcullis {self._key!r}>"


def _denial(response: httpx.Response) -> Denial | None:
    return Denial.of(response.status_code, response.headers, response.content)
