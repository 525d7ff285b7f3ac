"""What to ask an authority for. The default is the narrowest warrant that one request needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import paths
from ._claims import check_details, executions, is_host, is_method
from ._encoding import Malformed, to_json
from .errors import ConfigurationError, UnaskableRequestError


@dataclass(frozen=True)
class Target:
    """One request, as a warrant sees it.

    `authority` is the `Host` header that is sent. `host` is the mesh's canonical name for it: the same, in lower case, unless
    `Portcullis(canonical_hosts=…)` says otherwise. `path` is the raw path, without the query.
    """

    scheme: str
    method: str
    authority: str
    host: str
    path_and_query: str

    @property
    def path(self) -> str:
        return self.path_and_query.partition("?")[0]

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Ask:
    """A question to an authority: either details (RFC 9396, type `execution`), or the name of a grant as `scope`.

    `resource` is the list of hosts as absolute URIs, which bounds whatever is granted. `lifetime` is in seconds. `use=None` asks
    for a warrant without a use limit. What is left out is for the authority's policy to say, and it may grant less than asked.
    """

    __slots__ = ("_form", "use")

    def __init__(
        self,
        *,
        details: Sequence[Mapping[str, Any]] = (),
        scope: str | None = None,
        resource: Sequence[str] = (),
        use: int | None = None,
        lifetime: int | None = None,
        max_depth: int | None = None,
    ) -> None:
        if bool(details) == bool(scope):
            raise ConfigurationError("ask either for details or for the grant that `scope` names")
        form: list[tuple[str, str]] = [("resource", uri) for uri in resource]
        if scope is not None:
            form.append(("scope", scope))
        else:
            asked = executions(details)
            try:
                check_details(asked)
            except Malformed as fault:
                raise ConfigurationError(f"no warrant can have these details: {fault}") from None
            form.append(("authorization_details", to_json(asked)))
        numbers = {"use": use, "lifetime": lifetime, "max_depth": max_depth}
        form += [(name, str(value)) for name, value in numbers.items() if value is not None]
        self._form = tuple(form)
        self.use = use

    @property
    def form(self) -> tuple[tuple[str, str], ...]:
        """The parameters of the token request that this question is made of. Equal questions have equal forms."""
        return self._form

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ask) and self._form == other._form

    def __hash__(self) -> int:
        return hash(self._form)

    def __repr__(self) -> str:
        return f"Ask({', '.join(f'{name}={value}' for name, value in self._form)})"


def narrowest(target: Target, *, use: int | None = 1, lifetime: int | None = 60, max_depth: int | None = 0) -> Ask:
    """This host, this method, exactly this path; once, within a minute, and not to be delegated."""
    if not paths.is_unambiguous(target.path):
        raise UnaskableRequestError(
            f"the path {target.path!r} can be read in two ways, and every gate denies it: it may not have empty segments, `.`, "
            "`..`, `;` or escapes of plain characters"
        )
    if not is_method(target.method):
        raise UnaskableRequestError(f"no warrant can name the method {target.method!r}: it has other letters than A to Z")
    if not is_host(target.host):
        raise UnaskableRequestError(
            f"no warrant can name the host {target.host!r}: if the mesh knows it by another name, say so in `canonical_hosts`"
        )
    path = paths.exactly(target.path)
    if not paths.is_pattern(path):
        raise UnaskableRequestError(
            f"no warrant can name exactly this path of {len(path)} bytes, because {paths.MOST_BYTES} is the most: ask for a grant "
            "(`scope`) or for wider details (`ask`)"
        )
    detail = {"hosts": [target.host], "methods": [target.method], "paths": [path]}
    return Ask(details=[detail], resource=[target.origin], use=use, lifetime=lifetime, max_depth=max_depth)
