"""Many small requests in one: https://cloud.google.com/storage/docs/batch."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from portable.errors import PortableError, Unavailable
from portable_gcp.client import Client
from portable_gcp.errors import from_answer

MOST = 100  # the same page
_ID = re.compile(r"content-id:\s*<?response-(\d+)>?", re.IGNORECASE)


def send(client: Client, calls: Sequence[str]) -> list[PortableError | None]:
    """Send *calls*, each a request line, and return the error of each, in order."""
    boundary = f"batch_{os.urandom(12).hex()}"
    parts = [
        f"--{boundary}\r\nContent-Type: application/http\r\nContent-ID: <{number}>\r\n\r\n"
        f"{call}\r\nContent-Length: 0\r\n\r\n\r\n"
        for number, call in enumerate(calls)
    ]
    headers, body = client.send(
        "POST",
        "/batch/storage/v1",
        headers={"Content-Type": f"multipart/mixed; boundary={boundary}"},
        body=("".join(parts) + f"--{boundary}--\r\n").encode(),
    )
    return _results(headers.get("content-type", ""), body, len(calls))


def _results(kind: str, body: bytes, wanted: int) -> list[PortableError | None]:
    match = re.search(r'boundary="?([^";]+)', kind)
    found: dict[int, PortableError | None] = {}
    for part in body.split(b"--" + match[1].encode())[1:] if match else ():
        about, _, answer = part.lstrip(b"\r\n").partition(b"\r\n\r\n")
        number = _ID.search(about.decode("latin-1"))
        status = re.match(rb"HTTP/\d\S* (\d{3})", answer)
        if number and status:
            code = int(status[1])
            rest = answer.partition(b"\r\n\r\n")[2]
            found[int(number[1])] = from_answer(code, {}, rest) if code >= 300 else None
    if set(found) != set(range(wanted)):
        raise Unavailable("the answer to a batch isn't whole", ambiguous=True)
    return [found[number] for number in range(wanted)]
