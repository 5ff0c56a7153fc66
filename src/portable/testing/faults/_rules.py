"""What is to go wrong, with which requests, and the record of what came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from portable.testing.faults._answers import Answer

Kind = Literal[
    "pass",
    "truncate",
    "reset",
    "chunk_end",
    "no_length",
    "wrong_length",
    "flip_down",
    "flip_up",
    "cut_up",
    "status",
    "ok_with_error",
    "stall",
    "drip",
    "lost",
    "redirect",
    "swap",
    "strip",
]
CUTS = frozenset(("truncate", "reset", "chunk_end", "no_length", "wrong_length"))
AT_AN_OFFSET = CUTS | {"flip_down", "flip_up", "cut_up"}
NOT_FORWARDED = frozenset(("status", "redirect"))


@dataclass(slots=True, eq=False)
class Request:
    """One request that reached the proxy.

    Attributes:
        number: From 1, in the order in which they came.
        target: Path and query, as sent.
        headers: As sent, in order.
        body_length: Bytes of the body that came, without the framing of HTTP's own chunks.
        body: The body, if the proxy keeps bodies.
        fault: What was done to it; `None` for nothing, also where its fault found no body.
        status: The server's answer, or the one made here; `None` if there was none.
    """

    number: int
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body_length: int = 0
    body: bytes = b""
    fault: Kind | None = None
    status: int | None = None

    def header(self, name: str) -> str | None:
        return next((v for key, v in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is to go wrong with the requests that match.

    ============== ==================================================================
    pass           nothing; for *before*
    truncate       the answer ends after *at* bytes of its body, its length unchanged
    reset          the connection is reset after *at* bytes of the answer's body
    chunk_end      the answer comes in chunks and ends early, as if complete, at *at*
    no_length      the answer has no length and ends with the connection, at *at*
    wrong_length   the answer is *at* bytes long and says so
    flip_down      the lowest bit of the byte at *at* of the answer's body is flipped
    flip_up        the same in the request's body, before the server sees it
    cut_up         the server gets *at* bytes of the request's body, then both ends are
                   reset; of a request without a body it gets nothing
    status         *answer* is sent and the server sees nothing
    ok_with_error  200 with an error for a body; the server sees the request if *forward*
    stall          the answer pauses for *seconds* before it (*at* is `None`) or at *at*
    drip           the answer's body comes at *rate* bytes per second
    lost           the server carries the request out; the connection is reset instead
                   of its answer
    redirect       307 to *location*; the server sees nothing
    strip          the server doesn't see the request's *headers*
    swap           the server's answer is replaced by what *change* makes of it
    ============== ==================================================================

    Attributes:
        method: Only requests with this method; empty for any.
        path: Only requests whose path and query contain this.
        match: Only requests for which this is true.
        after: How many matching requests pass unharmed first.
        times: How many are affected then; `None` for all.
        at: Offset in the body, in bytes. A negative one counts from the end, and one past it
            means the last byte. For requests in ``aws-chunked``, that encoding is the body.
        headers: Names, in lower case.
        before: Called with each affected request before the server sees anything of it.
    """

    kind: Kind
    _: KW_ONLY
    method: str = ""
    path: str = ""
    match: Callable[[Request], bool] | None = None
    after: int = 0
    times: int | None = 1
    at: int | None = None
    seconds: float = 0.0
    rate: int = 0
    answer: Answer | None = None
    forward: bool = False
    location: str = ""
    headers: frozenset[str] = frozenset()
    before: Callable[[Request], object] | None = None
    change: Callable[[Request, Answer], Answer] | None = None

    def __post_init__(self) -> None:
        missing = {
            "at": self.kind in AT_AN_OFFSET and self.at is None,
            "answer": self.kind == "status" and self.answer is None,
            "seconds": self.kind == "stall" and self.seconds <= 0,
            "rate": self.kind == "drip" and self.rate <= 0,
            "location": self.kind == "redirect" and not self.location,
            "headers": self.kind == "strip" and not self.headers,
            "change": self.kind == "swap" and self.change is None,
        }
        if names := [name for name, is_missing in missing.items() if is_missing]:
            raise ValueError(f"a fault of kind {self.kind!r} needs {', '.join(names)}")

    def matches(self, request: Request) -> bool:
        return (
            (not self.method or request.method == self.method)
            and self.path in request.target
            and (self.match is None or self.match(request))
        )


class Rule:
    """A fault in use, and how often it was.

    Attributes:
        fault: As added.
        matched: Requests that matched and that no earlier rule took.
        fired: Those of them that it took.
    """

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.matched = 0
        self.fired = 0

    def takes(self, request: Request) -> bool:
        """Count *request*, if it matches, and say whether it is to be affected."""
        if not self.fault.matches(request):
            return False
        self.matched += 1
        turn = self.matched - self.fault.after
        is_due = turn > 0 and (self.fault.times is None or turn <= self.fault.times)
        self.fired += is_due
        return is_due


def position(at: int, length: int | None) -> int:
    """The offset in a body of *length* bytes that *at* means."""
    if length is None:
        return max(at, 0)
    return max(0, length + at if at < 0 else min(at, length - 1))
