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

from . import _transport
from .ask import Ask
from .authority import Authority
from .errors import AuthorityError, AuthorityUnreachableError
from .key import Key
from .warrant import Warrant

_MOST_KEPT = 256
_LEAST_SECONDS_LEFT = 5.0
_LEAST_PART_LEFT = 0.2

_Question = tuple[Authority, Ask]
# An exchange on its way. `None` in the end: the authority has limited the warrant, so that it serves only the one who asked.
_Flight = Future[Warrant | None]


class _LeftAlone(Exception):  # noqa: N818
    """The one who asked for all was cancelled, or failed in its own code: somebody else has to ask."""


class Wallet:
    def __init__(self, key: Key, now: Callable[[], float] = time.time) -> None:
        self._key = key
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Question, Warrant] = OrderedDict()
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
                break  # perhaps a task of this very thread's event loop asks, and this call keeps it from going on
            if shared is None:
                break
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
            return shared
        return await _transport.obtain_async(authority, self._key, ask)

    def _look(self, question: _Question, not_this: Warrant | None) -> Warrant | tuple[_Flight, bool]:
        """The kept warrant; or else who is on the way with the question, and whether the caller has to go."""
        with self._lock:
            kept = self._kept.get(question)
            if kept is not None and kept is not not_this and not self._is_due(kept):
                self._kept.move_to_end(question)
                return kept
            flight = self._on_the_way.get(question)
            if flight is not None:
                return flight, False
            flight = self._on_the_way[question] = Future()
            flight.set_running_or_notify_cancel()
            return flight, True

    def _land(self, question: _Question, flight: _Flight, warrant: Warrant) -> Warrant:
        if warrant.uses is None:
            with self._lock:
                self._kept[question] = warrant
                self._kept.move_to_end(question)
                while len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
        flight.set_result(warrant if warrant.uses is None else None)
        return warrant

    def _fall_back(self, question: _Question, flight: _Flight, not_this: Warrant | None, error: AuthorityError) -> Warrant:
        """While the authority does not answer, a warrant that is due but has not expired still serves. What it refuses it refuses
        to all who wait."""
        with self._lock:
            kept = self._kept.get(question)
        if (
            isinstance(error, AuthorityUnreachableError)
            and kept is not None
            and kept is not not_this
            and kept.expires > self._now()
        ):
            flight.set_result(kept)
            return kept
        flight.set_exception(error)
        raise error

    def _leave(self, question: _Question, flight: _Flight) -> None:
        """Whatever happened, a cancelled task included: nobody waits for this flight for ever."""
        with self._lock:
            self._on_the_way.pop(question, None)
        if not flight.done():
            flight.set_exception(_LeftAlone())

    def _is_due(self, warrant: Warrant) -> bool:
        left = warrant.expires - self._now()
        whole = warrant.expires - int(warrant.root.claims["nbf"])  # an exchange takes nothing but a root: there is no other link
        return left < max(_LEAST_SECONDS_LEFT, whole * _LEAST_PART_LEFT)

    def __repr__(self) -> str:
        return f"<Wallet with {len(self._kept)} warrants>"
