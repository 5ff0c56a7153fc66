"""EC2's protocol: a form on the way in, XML on the way out."""

from __future__ import annotations

import http.client
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.sax.saxutils import escape, unescape

from portable.testing.fakes.wire import Answer

PER_CONNECTION = ("host", "content-length", "connection", "expect", "transfer-encoding")
TIMEOUT_SECONDS = 30.0


class Refused(Exception):
    """Ends a request with an error."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        super().__init__(f"{code}: {text}")
        self.answer = Answer(
            status,
            {"Content-Type": "text/xml;charset=UTF-8"},
            (
                '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
                f"<Code>{escape(code)}</Code><Message>{escape(text)}</Message>"
                f"</Error></Errors><RequestID>{uuid.uuid4()}</RequestID></Response>"
            ).encode(),
        )


@dataclass(frozen=True, slots=True)
class Query:
    """One request.

    Attributes:
        asked: The form's fields.
        headers: As they go to moto, which reads account and region from them.
    """

    asked: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)

    @property
    def action(self) -> str:
        """The operation."""
        return self.asked.get("Action", "")

    @property
    def ids(self) -> Sequence[str]:
        """The machines that it is about."""
        return [
            value for name, value in self.asked.items() if re.fullmatch(r"InstanceId\.\d+", name)
        ]

    def but(self, **changed: str) -> Query:
        """The same with other fields."""
        return Query({**self.asked, **changed}, self.headers)

    def asking(self, action: str, **fields: str) -> Query:
        """Another request of the same caller."""
        version = self.asked.get("Version", "2016-11-15")
        named = {name.replace("_", "."): value for name, value in fields.items()}
        return Query({"Action": action, "Version": version, **named}, self.headers)


def query(headers: Mapping[str, str], body: bytes) -> Query:
    """Read a request."""
    kept = {name: value for name, value in headers.items() if name not in PER_CONNECTION}
    return Query(dict(parse_qsl(body.decode(), keep_blank_values=True)), kept)


def send(endpoint: str, asked: Query) -> Answer:
    """Send a request to moto; its answer."""
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", "/", urlencode(asked.asked), dict(asked.headers))
        got = connection.getresponse()
        kind = got.getheader("Content-Type", "text/xml")
        return Answer(got.status, {"Content-Type": kind}, got.read())
    finally:
        connection.close()


def text(answer: Answer, name: str, *, inside: str = "") -> str:
    """What the first element of a name has in it; empty where there is none."""
    body = bytes(answer.body).decode()
    if inside:
        body = body.partition(f"<{inside}>")[2]
    found = re.search(rf"<{name}>([^<]*)</{name}>", body)
    return unescape(found[1]) if found else ""
