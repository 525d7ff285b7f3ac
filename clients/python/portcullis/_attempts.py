"""One request and its attempts: with which warrant, and whether and how to try again.

It knows no HTTP library. `agent` and `_requests` send what it says, and wait as long as it says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass

from ._retry_after import seconds_to_wait
from ._wallet import Wallet
from .ask import Ask, Target
from .authority import Authority
from .denials import Challenge, Denial, Reaction
from .errors import OutsideWarrantError
from .key import Key
from .proof import prove
from .warrant import Warrant

_FIRST_PAUSE = 0.5
# RFC 9110, 9.2.2: sending one of these twice does no more than sending it once.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


@dataclass
class Supply:
    """Where the warrants of one request come from: a wallet and the authorities that the agent is configured with.

    `preferred` is the agent's memory of which authority a host's gate has named.
    """

    wallet: Wallet
    authorities: tuple[Authority, ...]
    ask: Ask
    preferred: MutableMapping[str, Authority]


class Attempts:
    """The attempts at one request.

    `body` is `None` when the body cannot be read without consuming it. Then the proof does not cover it, and there is one
    attempt. `supply` is a warrant when there is no other.
    """

    def __init__(
        self,
        key: Key,
        target: Target,
        body: bytes | None,
        supply: Supply | Warrant,
        *,
        retries: int,
        deadline: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = key
        self._target = target
        self._body = body
        self._supply: Supply | None = supply if isinstance(supply, Supply) else None
        self._warrant: Warrant | None = supply if isinstance(supply, Warrant) else None
        self._authority = None if self._supply is None else self._first(self._supply)
        self._left = 0 if body is None else retries
        self._tried: set[Reaction] = set()
        self._pause = _FIRST_PAUSE
        self._clock = clock
        self._ends = clock() + deadline

    def obtain(self) -> None:
        """Gets the warrant for the next attempt: a first one, or another than the last one."""
        if self._supply is not None and self._authority is not None:
            self._warrant = self._supply.wallet.get(self._authority, self._supply.ask, self._warrant)

    async def obtain_async(self) -> None:
        if self._supply is not None and self._authority is not None:
            self._warrant = await self._supply.wallet.get_async(self._authority, self._supply.ask, self._warrant)

    def headers(self) -> dict[str, str]:
        """What the next attempt sends. A warrant is not shown to a host that it does not name."""
        warrant, target = self._warrant, self._target
        if warrant is None or not warrant.names_host(target.host):
            raise OutsideWarrantError(
                f"the warrant does not name the host {target.host}. If that is another name of a host of the mesh, say so in "
                "`canonical_hosts`"
            )
        proof = prove(warrant.text, self._key, target.method, target.authority, target.path_and_query, self._body)
        return {"Warrant": warrant.text, "Warrant-Proof": proof}

    def may_be_repeated_after(self, headers: Mapping[str, str]) -> bool:
        """Whether the body of this answer is worth reading."""
        return self._left > 0 and "warrant-denial" in headers

    def next_after(self, denial: Denial | None, headers: Mapping[str, str]) -> Again | None:
        """Whether to try again, and with what. `None` leaves the answer to the caller."""
        if denial is None or self._left == 0 or not self._was_not_executed(denial):
            return None
        reaction = denial.reaction
        if reaction is Reaction.NEVER or (reaction is not Reaction.WAIT and reaction in self._tried):
            return None  # a cure that has not helped is not taken twice
        pause = 0.0
        if reaction is Reaction.WAIT:
            asked = seconds_to_wait(headers.get("retry-after"))
            pause = self._pause if asked is None else asked
            self._pause *= 2
        if self._clock() + pause >= self._ends:
            return None
        # A use may be burned by an attempt that was denied late. A proof is checked before.
        is_limited = self._warrant is not None and self._warrant.uses is not None
        needs_warrant = reaction is Reaction.NEW_WARRANT or (reaction is Reaction.WAIT and is_limited)
        if needs_warrant and not self._select(Challenge.of(headers.get("www-authenticate"))):
            return None
        self._left -= 1
        self._tried.add(reaction)
        return Again(pause, needs_warrant)

    def _was_not_executed(self, denial: Denial) -> bool:
        """A denial with a decision is the server's, from before the execution. One without may be from a gate that ended a
        request which already ran: only what may safely be executed twice is sent again."""
        return denial.decision is not None or self._target.method in _IDEMPOTENT

    def _first(self, supply: Supply) -> Authority:
        return supply.preferred.get(self._target.host, supply.authorities[0])

    def _select(self, challenge: Challenge | None) -> bool:
        """Chooses whom to ask for the next warrant: the same authority, or another *configured* one that the challenge names."""
        if self._supply is None or self._authority is None:
            return False
        if challenge is None or self._authority.is_named(challenge.realm, challenge.issuers):
            return True
        named = [one for one in self._supply.authorities if one.is_named(challenge.realm, challenge.issuers)]
        if not named:
            return False
        self._authority = self._supply.preferred[self._target.host] = named[0]
        return True


@dataclass(frozen=True)
class Again:
    """The request is to be sent once more, after a pause, with a new proof."""

    pause: float
    needs_warrant: bool
