"""Answers made here, S3's errors among them."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import responses
from xml.sax.saxutils import escape

FRAMING = ("content-length", "transfer-encoding")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; its length is that of *body* whatever *headers* say."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def encoded(self, method: str) -> bytes:
        """The bytes to send in answer to *method*: a HEAD has no body."""
        lines = [f"HTTP/1.1 {self.status} {responses.get(self.status, 'Unknown')}"]
        lines += [f"{k}: {v}" for k, v in self.headers if k.lower() not in FRAMING]
        if method == "HEAD":
            lines += [f"{k}: {v}" for k, v in self.headers if k.lower() == "content-length"]
        elif self.status >= 200 and self.status not in (204, 304):
            lines.append(f"Content-Length: {len(self.body)}")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        return head if method == "HEAD" else head + self.body


def error_answer(status: int, code: str, message: str = "", **headers: str) -> Answer:
    """An error as S3 words it; ``retry_after="3"`` sends the header ``retry-after: 3``."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>"
        "<RequestId>0</RequestId></Error>"
    ).encode()
    extra = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    length = ("Content-Length", str(len(body)))
    return Answer(status, (("Content-Type", "application/xml"), length, *extra), body)


def slow_down() -> Answer:
    """503, S3's throttling."""
    return error_answer(503, "SlowDown", "Please reduce your request rate.")


def too_many_requests(retry_after_seconds: int) -> Answer:
    """429 that says how long to wait, as S3-compatible services send it."""
    return error_answer(429, "TooManyRequests", "Slow down.", retry_after=str(retry_after_seconds))


def conflict() -> Answer:
    """409 of a conditional write that met another one: to be sent again, not a verdict."""
    return error_answer(
        409,
        "ConditionalRequestConflict",
        "The conditional request cannot succeed due to a conflicting operation.",
    )


def internal_error() -> Answer:
    """500, to be sent again."""
    return error_answer(500, "InternalError", "We encountered an internal error. Try again.")
