"""The header `Retry-After` (RFC 9110, 10.2.3), which gates and authorities send alike."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime


def seconds_to_wait(retry_after: str | None) -> float | None:
    """How long to wait from now on. `None` if the header is absent, or is neither seconds nor a date."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
