"""Headers of a request of `httpx`, some of which exist on the wire only.

`httpx` follows a redirect with a copy of the first request's headers, to whatever host the answer names. It takes out
`Authorization`, and cannot know that a warrant must not be carried there either. So warrant and proof are not in the headers
that are copied, printed or logged: they are added where a transport reads what to send, which is `raw`. A transport that reads
anything else sends no warrant, and the request is denied: it fails closed.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx


class WireHeaders(httpx.Headers):
    def __init__(self, headers: httpx.Headers, on_the_wire: Mapping[str, str]) -> None:
        # First, because httpx reads `raw` to take the others out.
        self._on_the_wire = [(name.encode("ascii"), value.encode("ascii")) for name, value in on_the_wire.items()]
        super().__init__(headers)
        for name in on_the_wire:
            self.pop(name, None)

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        return [*super().raw, *self._on_the_wire]
