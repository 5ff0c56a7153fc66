"""What a service's words for a failure mean: a table, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from portable.errors import PortableError, Throttled, Unavailable

EXPIRED = "get new ones, or use a role or profile that boto3 can refresh"
UNAUTHENTICATED = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the AWS profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """One service's table.

    Attributes:
        by_code: What a code means.
        by_status: What a status means where the code isn't known.
        by_words: What part of a message means, in lower case, whatever the code: services have
            codes that stand for several things.
        not_carried_out: What the server says it didn't carry out, though it may later.
        spoiled: What arrived wasn't what was sent, so sending it again may do.
        hints: What to do.
        hints_by_words: The same, by a part of the message in lower case.
        waits: Seconds to wait, where the service's own documentation says how long.
    """

    by_code: Mapping[str, type[PortableError]]
    by_status: Mapping[int, type[PortableError]]
    not_carried_out: frozenset[str]
    hints: Mapping[type[PortableError], str]
    by_words: Mapping[str, type[PortableError]] = field(default_factory=dict)
    hints_by_words: Mapping[str, str] = field(default_factory=dict)
    spoiled: frozenset[str] = frozenset()
    waits: Mapping[str, float] = field(default_factory=dict)

    def meaning(self, code: str, status: int, text: str = "") -> type[PortableError]:
        """The class of error that an answer is."""
        text = text.lower()
        for words, kind in self.by_words.items():
            if words in text:
                return kind
        known = self.by_code.get(code) or self.by_status.get(status)
        return known or (Unavailable if status >= 500 else PortableError)

    def hint(self, kind: type[PortableError], text: str) -> str | None:
        """What to do, where that can be said."""
        text = text.lower()
        for words, hint in self.hints_by_words.items():
            if words in text:
                return hint
        return self.hints.get(kind)

    def is_ambiguous(self, code: str, status: int, kind: type[PortableError]) -> bool:
        """May a request that was answered so have been carried out?"""
        failed = status >= 500 and code not in self.not_carried_out and kind is not Throttled
        return failed or (status == 200 and kind is Unavailable)
