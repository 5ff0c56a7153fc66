"""The ``aws-chunked`` encoding: chunks with sizes and perhaps signatures, then trailers.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

from __future__ import annotations

from .answers import Refused, incomplete_body
from .request import Request

END = b"\r\n"


def decode(request: Request) -> None:
    """Replace an encoded body by its content, and put its trailers among the headers.

    Raises:
        Refused: the body is cut, or isn't what the headers say.
    """
    signed = request.header("x-amz-content-sha256") or ""
    encodings = [e.strip() for e in (request.header("content-encoding") or "").split(",")]
    if not signed.startswith("STREAMING-") and "aws-chunked" not in encodings:
        return
    content, trailers = _parse(request.body)
    length = request.header("x-amz-decoded-content-length")
    if length is None:
        raise Refused(411, "MissingContentLength", "You must provide the Content-Length header.")
    if int(length) != len(content):
        raise incomplete_body()
    for name in filter(None, (request.header("x-amz-trailer") or "").split(",")):
        if name.strip().lower() not in trailers:
            raise Refused(
                400, "MalformedTrailerError", "The request contained trailing data not well-formed."
            )
    for name, value in trailers.items():
        request.set_header(name, value)
    request.body = content
    request.set_header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    rest = ",".join(e for e in encodings if e and e != "aws-chunked")
    request.environ.pop("HTTP_CONTENT_ENCODING", None)
    if rest:
        request.set_header("content-encoding", rest)
    for name in ("HTTP_X_AMZ_TRAILER", "HTTP_X_AMZ_DECODED_CONTENT_LENGTH"):
        request.environ.pop(name, None)


def _parse(body: bytes) -> tuple[bytes, dict[str, str]]:
    content: list[bytes] = []
    at = 0
    while True:
        line_end = body.find(END, at)
        if line_end < 0:
            raise incomplete_body()
        try:
            size = int(body[at:line_end].split(b";")[0], 16)
        except ValueError:
            raise incomplete_body() from None
        at = line_end + 2
        if not size:
            return b"".join(content), _trailers(body[at:])
        if body[at + size : at + size + 2] != END:
            raise incomplete_body()
        content.append(body[at : at + size])
        at += size + 2


def _trailers(rest: bytes) -> dict[str, str]:
    # Each ends in CRLF, but some clients end the value itself in LF.
    lines = (line.strip() for line in rest.decode("latin-1").splitlines())
    pairs = (line.partition(":") for line in lines if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
