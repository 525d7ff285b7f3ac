"""Every exception of this package. No message and no attribute ever contains a token, a warrant, a proof or a key."""

from __future__ import annotations


class PortcullisError(Exception):
    """The base of all exceptions of this package."""


class InvalidKeyError(PortcullisError):
    """A key file or a JWK that cannot be used."""


class ConfigurationError(PortcullisError):
    """The agent is configured in a way that would be unsafe or cannot work."""


class MalformedWarrantError(PortcullisError):
    """A warrant that does not have the required form. Every gate would deny it as `warrant-malformed`."""


class DelegationError(PortcullisError):
    """A delegation that is not made, because it would be denied or its key is the wrong one."""


class WidenedError(DelegationError):
    """The child would allow more than its parent. Every gate would deny the chain as `lineage-widened`."""

    def __init__(self, dimension: str) -> None:
        super().__init__(
            f"the child would be wider than its parent in `{dimension}`: leave the argument out to inherit it, or narrow it"
        )
        self.dimension = dimension


class OutsideWarrantError(PortcullisError):
    """The warrant at hand does not name the host of this request. Nothing was sent."""


class UnaskableRequestError(PortcullisError):
    """No warrant can name exactly this request, because of its path, method or host. Nothing was sent."""


class AuthorityError(PortcullisError):
    """No warrant was obtained."""


class AuthorityUnreachableError(AuthorityError):
    """The authority did not answer, or not in time."""


class UnexpectedAnswerError(AuthorityError):
    """The authority's answer is not what RFC 8693 and this package expect: a redirect, a token of another type, a warrant for
    another key."""


class TokenRefusedError(AuthorityError):
    """The authority refused.

    `error` and `error_description` are those of RFC 6749, section 5.2. `code` and `cure` are Portcullis's own: a program
    relies on `code`, a person reads `cure`. `retry_after` is in seconds, as the authority asked for. Each may be absent.
    """

    def __init__(
        self,
        status: int,
        error: str | None = None,
        error_description: str | None = None,
        code: str | None = None,
        cure: str | None = None,
        retry_after: float | None = None,
        token_endpoint: str | None = None,
    ) -> None:
        why = [f"{name}: {text}" for name, text in (("code", code), ("cure", cure)) if text]
        why += [] if retry_after is None else [f"ask again after {retry_after:.0f} s"]
        what = f"{error or 'refused'}: {error_description}" if error_description else (error or "refused")
        super().__init__(
            f"{token_endpoint or 'the authority'} refused with {status} {what}" + (f" ({'; '.join(why)})" if why else "")
        )
        self.status = status
        self.error = error
        self.error_description = error_description
        self.code = code
        self.cure = cure
        self.retry_after = retry_after
