"""Answers of a WSGI application as values, and S3's errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.client import responses
from typing import Any
from xml.sax.saxutils import escape

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


@dataclass(slots=True)
class Answer:
    """One answer, held in memory."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def set_header(self, name: str, value: str) -> None:
        kept = [(key, old) for key, old in self.headers if key.lower() != name.lower()]
        self.headers = [*kept, (name, value)]

    def checksums(self) -> dict[str, str]:
        """The ``x-amz-checksum-`` headers, names in lower case."""
        prefix = "x-amz-checksum-"
        return {k.lower(): v for k, v in self.headers if k.lower().startswith(prefix)}

    def send(self, start_response: StartResponse) -> list[bytes]:
        start_response(f"{self.status} {responses.get(self.status, 'Unknown')}", self.headers)
        return [self.body]


class Refused(Exception):
    """A request that S3 wouldn't have carried out."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def answer(self, *, has_body: bool = True) -> Answer:
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{self.code}</Code><Message>{escape(str(self))}</Message>"
            "<RequestId>0</RequestId></Error>"
        )
        body = text.encode() if has_body else b""
        headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
        return Answer(self.status, headers, body)


def bad_digest(what: str) -> Refused:
    return Refused(400, "BadDigest", f"The {what} you specified did not match what we received.")


def incomplete_body() -> Refused:
    return Refused(
        400,
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header.",
    )


def precondition_failed(condition: str) -> Refused:
    return Refused(
        412,
        "PreconditionFailed",
        f"At least one of the pre-conditions you specified did not hold ({condition}).",
    )


def no_such_key() -> Refused:
    return Refused(404, "NoSuchKey", "The specified key does not exist.")


def no_such_upload() -> Refused:
    return Refused(
        404,
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid,"
        " or the upload may have been aborted or completed.",
    )


def call(application: Application, environ: Environ) -> Answer:
    """Return what *application* answers, all of it."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], _error: object = None
    ) -> Callable[[bytes], object]:
        started.append((status, headers))
        return lambda _: None

    chunks = application(environ, start_response)
    try:
        body = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close:
            close()
    status, headers = started[-1]
    return Answer(int(status.split(" ", 1)[0]), list(headers), body)
