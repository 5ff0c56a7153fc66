"""A WSGI request to S3, its body read and held against what its headers say of it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from dataclasses import dataclass
from urllib.parse import parse_qs

from .answers import Environ, Refused, bad_digest, incomplete_body
from .digests import DIGESTS

CHECKSUM = "HTTP_X_AMZ_CHECKSUM_"
ALGORITHMS = ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")
KEY_MAX = 1024  # bytes of UTF-8, AmazonS3/latest/userguide/object-keys.html
METADATA_MAX = 2048  # bytes of names and values, AmazonS3/latest/userguide/UsingMetadata.html


@dataclass(slots=True)
class Request:
    """One request, body read."""

    environ: Environ
    body: bytes

    @property
    def method(self) -> str:
        return str(self.environ["REQUEST_METHOD"])

    @property
    def path(self) -> str:
        return str(self.environ["PATH_INFO"])

    def header(self, name: str) -> str | None:
        value = self.environ.get("HTTP_" + name.upper().replace("-", "_"))
        return None if value is None else str(value)

    def set_header(self, name: str, value: str) -> None:
        self.environ["HTTP_" + name.upper().replace("-", "_")] = value

    def query(self, name: str) -> str | None:
        """The parameter's value, ``""`` for one without, `None` where there is none."""
        parameters = parse_qs(str(self.environ.get("QUERY_STRING", "")), keep_blank_values=True)
        return parameters[name][0] if name in parameters else None

    def forwarded(self) -> Environ:
        """The environment for the wrapped application, which reads the body afresh."""
        environ = dict(self.environ)
        environ["wsgi.input"] = io.BytesIO(self.body)
        environ["CONTENT_LENGTH"] = str(len(self.body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return environ

    def asking(self, method: str, path: str, query: str = "", **headers: str) -> Environ:
        """The environment of another request by the same caller, without a body."""
        dropped = re.compile(r"HTTP_(X_AMZ_|IF_|RANGE$|EXPECT$|TRANSFER_|CONTENT_)|CONTENT_")
        environ = {key: v for key, v in self.environ.items() if not dropped.match(key)}
        environ |= {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
        environ |= {f"HTTP_{name}": value for name, value in headers.items()}
        environ["wsgi.input"] = io.BytesIO()
        for key in ("RAW_URI", "REQUEST_URI"):
            environ[key] = path.encode("latin-1").decode(errors="replace") + (query and f"?{query}")
        return environ


def is_for_s3(environ: Environ) -> bool:
    """False for other services of AWS and for moto's own pages."""
    scope = re.search(r"/([a-z0-9-]+)/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
    if scope:
        return scope[1] == "s3"
    internal = environ["PATH_INFO"].startswith(("/moto-api", "/static"))
    return not internal and "HTTP_X_AMZ_TARGET" not in environ


def read(environ: Environ) -> Request:
    """Read the body.

    Raises:
        Refused: it ended early.
    """
    if environ.get("wsgi.input_terminated"):
        return Request(environ, environ["wsgi.input"].read())
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    if len(body) < length:
        raise incomplete_body()
    return Request(environ, body)


def check_limits(request: Request) -> None:
    """Refuse names that are too long and metadata that is too much."""
    key = request.path.encode("latin-1").lstrip(b"/").partition(b"/")[2]
    if len(key) > KEY_MAX:
        raise Refused(400, "KeyTooLongError", "Your key is too long")
    prefix = "HTTP_X_AMZ_META_"
    size = sum(
        len(name) - len(prefix) + len(value.encode("latin-1"))
        for name, value in request.environ.items()
        if name.startswith(prefix)
    )
    if size > METADATA_MAX:
        raise Refused(
            400,
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
        )


def check_payload_hash(request: Request) -> None:
    """Hold the body against the digest that was signed, if it is one."""
    signed = request.header("x-amz-content-sha256") or ""
    is_digest = re.fullmatch("[0-9a-f]{64}", signed)
    if is_digest and hashlib.sha256(request.body).hexdigest() != signed:
        raise Refused(
            400,
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )


def check_digests(request: Request) -> None:
    """Hold the body, already decoded, against every digest in the headers."""
    claims = {name: request.header(f"x-amz-checksum-{name}") for name in ALGORITHMS}
    claims = {name: claim for name, claim in claims.items() if claim is not None}
    if len(claims) > 1:
        raise Refused(400, "InvalidRequest", "Expecting a single x-amz-checksum- header.")
    for name, claim in claims.items():
        digest = DIGESTS[name](request.body)
        if _decoded(claim, len(digest)) is None:
            raise Refused(
                400, "InvalidRequest", f"Value for x-amz-checksum-{name} header is invalid."
            )
        if _decoded(claim, len(digest)) != digest:
            raise bad_digest(name.upper())
    md5 = request.header("content-md5")
    if md5 is not None:
        if _decoded(md5, 16) is None:
            raise Refused(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
        if _decoded(md5, 16) != DIGESTS["md5"](request.body):
            raise bad_digest("Content-MD5")


def _decoded(claim: str | None, size: int) -> bytes | None:
    try:
        digest = base64.b64decode(claim or "", validate=True)
    except binascii.Error:
        return None
    return digest if len(digest) == size else None
