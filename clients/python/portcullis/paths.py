"""Paths and path patterns: which paths every reader reads alike, what a pattern matches, when one is within another."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

# RFC 3986 `pchar` without `;`: some upstreams cut off path parameters there.
_SEGMENT = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,=:@]|%[0-9A-Fa-f]{2})*\Z")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_NEVER_ESCAPED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/\\;%?#\x7f" + bytes(range(0x20)))
MOST_BYTES = 256


def is_unambiguous(path: str) -> bool:
    """Whether a raw path, without its query, can be read in one way only. Any other path is denied as `request-ambiguous`."""
    segments = path.split("/")
    if segments.pop(0) != "":
        return False
    return bool(segments) and all(map(_is_plain_segment, segments)) and all(segments[:-1])


def is_pattern(text: str) -> bool:
    """Whether this is a path pattern that some path can match."""
    first, *segments = text.split("/")
    if first != "" or not segments or len(text) > MOST_BYTES:
        return False
    for number, segment in enumerate(segments, 1):
        is_last = number == len(segments)
        if segment in ("", "**"):
            if not is_last:
                return False
        elif segment != "*" and ("*" in segment or not _is_plain_segment(segment)):
            return False
    return True


def exactly(path: str) -> str:
    """The pattern that matches only this unambiguous path: a star in the path is no wildcard."""
    return path.replace("*", "%2A")


def matches(pattern: str, path: str) -> bool:
    """Whether an unambiguous path matches a pattern."""
    segments = path.split("/")[1:]
    for position, step in enumerate(pattern.split("/")[1:]):
        if step == "**":
            return True
        if position >= len(segments):
            return False
        segment = segments[position]
        if not (segment if step == "*" else _is_same_text(step, segment)):
            return False
    return len(pattern.split("/")) == len(path.split("/"))


def is_within(child: str, parent: str) -> bool:
    """Whether every path that matches `child` also matches `parent`, as the law proves it: step by step."""
    own = child.split("/")[1:]
    wider = parent.split("/")[1:]
    for position, step in enumerate(wider):
        if step == "**":
            return True
        if position >= len(own) or own[position] == "**":
            return False
        if step == "*":
            if own[position] == "":
                return False
        elif own[position] == "*" or not _is_same_text(step, own[position]):
            return False
    return len(own) == len(wider)


def _is_same_text(one: str, two: str) -> bool:
    return unquote_to_bytes(one) == unquote_to_bytes(two)


def _is_plain_segment(segment: str) -> bool:
    if not _SEGMENT.match(segment) or segment in (".", ".."):
        return False
    if any(int(code, 16) in _NEVER_ESCAPED for code in _ESCAPE.findall(segment)):
        return False
    try:
        text = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not any(0x80 <= ord(character) <= 0x9F for character in text)
