"""The warrants that an agent holds, shared by its threads and tasks. One question is on the way to an authority only once.

Only warrants without a use limit are kept: of a limited one nobody here knows how many uses are left.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass

from . import _transport
from .ask import Ask
from .authority import Authority
from .errors import AuthorityError, AuthorityUnreachableError, TokenRefusedError
from .key import Key
from .warrant import Warrant

_MOST_KEPT = 256
_LEAST_SECONDS_LEFT = 5.0
_LEAST_PART_LEFT = 0.2
_LEAST_SECONDS_BETWEEN_RENEWALS = 5.0

_Question = tuple[Authority, Ask]
# An exchange on its way. `None` in the end: the authority has limited the warrant, so that it serves only the one who asked.
_Flight = Future[Warrant | None]


@dataclass(frozen=True)
class _Kept:
    warrant: Warrant
    renew_at: float


class _LeftAlone(Exception):  # noqa: N818
    """The one who asked for all was cancelled, or failed in its own code: somebody else has to ask."""


class Wallet:
    def __init__(self, key: Key, now: Callable[[], float] = time.time) -> None:
        self._key = key
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Question, _Kept] = OrderedDict()
        self._on_the_way: dict[_Question, _Flight] = {}

    def get(self, authority: Authority, ask: Ask, not_this: Warrant | None = None) -> Warrant:
        """A warrant for this question: a kept one, unless it is `not_this` or about to expire; or else a new one."""
        question = (authority, ask)
        while ask.use is None:
            found = self._look(question, not_this)
            if isinstance(found, Warrant):
                return found
            flight, leads = found
            if leads:
                try:
                    return self._land(question, flight, _transport.obtain(authority, self._key, ask))
                except AuthorityError as error:
                    return self._fall_back(question, flight, not_this, error)
                finally:
                    self._leave(question, flight)
            try:
                shared = flight.result(authority.timeout)
            except _LeftAlone:
                continue
            except FutureTimeoutError:
                # The authority hangs. Or a task of this very thread's event loop asks, and this call keeps it from going on.
                with self._lock:
                    kept = self._unexpired(question, not_this)
                if kept is not None:
                    return kept
                break
            if shared is None:
                break
            if shared is not not_this:
                return shared
        return _transport.obtain(authority, self._key, ask)

    async def get_async(self, authority: Authority, ask: Ask, not_this: Warrant | None = None) -> Warrant:
        """The same, for a task on an event loop."""
        question = (authority, ask)
        while ask.use is None:
            found = self._look(question, not_this)
            if isinstance(found, Warrant):
                return found
            flight, leads = found
            if leads:
                try:
                    return self._land(question, flight, await _transport.obtain_async(authority, self._key, ask))
                except AuthorityError as error:
                    return self._fall_back(question, flight, not_this, error)
                finally:
                    self._leave(question, flight)
            try:
                # Cancelling this task does not cancel the flight: it is in the state "running", which cannot be cancelled.
                shared = await asyncio.wrap_future(flight)
            except _LeftAlone:
                continue
            if shared is None:
                break
            if shared is not not_this:
                return shared
        return await _transport.obtain_async(authority, self._key, ask)

    def _look(self, question: _Question, not_this: Warrant | None) -> Warrant | tuple[_Flight, bool]:
        """The kept warrant; or else who is on the way with the question, and whether the caller has to go."""
        with self._lock:
            kept = self._unexpired(question, not_this)
            if kept is not None and self._now() <= self._kept[question].renew_at:
                self._kept.move_to_end(question)
                return kept
            flight = self._on_the_way.get(question)
            if flight is not None:
                return flight, False
            flight = self._on_the_way[question] = Future()
            flight.set_running_or_notify_cancel()
            return flight, True

    def _unexpired(self, question: _Question, not_this: Warrant | None) -> Warrant | None:
        """The kept warrant, even if it is due. Call this with the lock held."""
        kept = self._kept.get(question)
        if kept is None or kept.warrant is not_this or kept.warrant.expires <= self._now():
            return None
        return kept.warrant

    def _land(self, question: _Question, flight: _Flight, warrant: Warrant) -> Warrant:
        with self._lock:
            del self._on_the_way[question]
            if warrant.uses is None:
                self._kept[question] = _Kept(warrant, _renewal_of(warrant))
                self._kept.move_to_end(question)
                while len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
        flight.set_result(warrant if warrant.uses is None else None)
        return warrant

    def _fall_back(self, question: _Question, flight: _Flight, not_this: Warrant | None, error: AuthorityError) -> Warrant:
        """While the authority cannot answer, a warrant that is due but has not expired still serves. What the authority refuses, it
        refuses to all who wait."""
        with self._lock:
            del self._on_the_way[question]
            kept = self._unexpired(question, not_this) if _may_pass(error) else None
            if kept is not None:
                # Without a pause, each request until it expires would first wait for an authority that does not answer.
                self._kept[question] = _Kept(kept, self._now() + _pause_after(error))
        if kept is None:
            flight.set_exception(error)
            raise error
        flight.set_result(kept)
        return kept

    def _leave(self, question: _Question, flight: _Flight) -> None:
        """Whatever happened, a cancelled task included: nobody waits for this flight for ever."""
        with self._lock:
            if self._on_the_way.get(question) is flight:
                del self._on_the_way[question]
        if not flight.done():
            flight.set_exception(_LeftAlone())

    def __repr__(self) -> str:
        return f"<Wallet with {len(self._kept)} warrants>"


def _renewal_of(warrant: Warrant) -> float:
    whole = warrant.expires - int(warrant.root.claims["nbf"])  # an exchange takes nothing but a root: there is no other link
    return warrant.expires - max(_LEAST_SECONDS_LEFT, whole * _LEAST_PART_LEFT)


def _may_pass(error: AuthorityError) -> bool:
    """Whether the authority, or a proxy in front of it, says nothing of what was asked: it is away, overloaded or out of order."""
    if isinstance(error, TokenRefusedError):
        return error.status == 429 or error.status >= 500
    return isinstance(error, AuthorityUnreachableError)


def _pause_after(error: AuthorityError) -> float:
    asked = error.retry_after if isinstance(error, TokenRefusedError) else None
    return max(_LEAST_SECONDS_BETWEEN_RENEWALS, asked or 0.0)
