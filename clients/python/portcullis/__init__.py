"""Warrants for Python agents: get them, delegate them, and send them with a proof of possession.

`Portcullis` is the agent, and authentication for HTTP libraries; `Key`, `Authority` and `Ask` say who it is and what it asks for;
`Warrant` and `prove` are for what it does by hand. `portcullis.testing` has a stub server for an agent's own tests.
"""

from . import errors
from .agent import Portcullis
from .ask import Ask, Target, narrowest
from .authority import ID_TOKEN_TYPE, JWT_TYPE, Authority
from .denials import Denial
from .errors import (
    AuthorityError,
    DelegationError,
    MalformedWarrantError,
    PortcullisError,
    TokenRefusedError,
    WidenedError,
)
from .key import Key, PublicKey
from .proof import prove
from .warrant import Link, Warrant

__all__ = [
    "ID_TOKEN_TYPE",
    "JWT_TYPE",
    "Ask",
    "Authority",
    "AuthorityError",
    "DelegationError",
    "Denial",
    "Key",
    "Link",
    "MalformedWarrantError",
    "Portcullis",
    "PortcullisError",
    "PublicKey",
    "Target",
    "TokenRefusedError",
    "Warrant",
    "WidenedError",
    "errors",
    "narrowest",
    "prove",
]
