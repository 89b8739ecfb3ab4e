"""The style of what a finding says: one line that tells what is so, and gives no advice."""

from __future__ import annotations

import re

_ADVICE = re.compile(
    r"\b(use|should|please|consider|try|recommend(ed)?|better to|make sure|instead use)\b", re.IGNORECASE
)
_CODE = re.compile(r"`[^`]*`")


def unstylish(text: str) -> str:
    """What is wrong with the style of a message or mark; "" where nothing is."""
    plain = _CODE.sub("``", text)
    if not text or "\n" in text or text != text.strip():
        return "a message is one line, without white space around it"
    if text.endswith((".", "!", ":")):
        return "a message ends without a period"
    if len(text) > 200:
        return "a message has at most 200 characters"
    if found := _ADVICE.search(plain):
        return f"a message says what is so, the page's cure says what to do: {found[0]!r} is advice"
    if re.match(r"[A-Z][a-z]+\b(?![.(])", plain):
        return "a message begins lower-case, or with a name in backticks"
    if text.count("`") % 2:
        return "a backtick is open"
    return ""
