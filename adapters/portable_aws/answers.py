"""Answers made sure of.

botocore compares no answer's length with what its head says, takes an empty body for an empty
result, waits for a body as long as a byte comes now and then, and asks a server that redirects
for the bucket's region again and again.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import IncompleteReadError, ReadTimeoutError

from portable.errors import Unavailable
from portable_aws import listing

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

BLOCK_BYTES = 64 * 1024
# What an answer with a body is, by operation.
ROOTS: Mapping[str, str] = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CopyObject": "CopyObjectResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "UploadPartCopy": "CopyPartResult",
}


# And those whose answer has none.
BARE = ("AbortMultipartUpload", "DeleteObject")
PAGE = "portable.page"


class Answer(dict[str, Any]):
    """A parsed answer, of which the service's have all that is looked up here."""

    def __missing__(self, name: str) -> Any:
        raise Unavailable(
            f"the answer lacks {name!r}: it isn't the service's, or not all of it", ambiguous=True
        )


def guard(client: S3Client, *, seconds: float) -> None:
    """Have *client* take whole answers only, each within *seconds*."""
    events = client.meta.events
    for operation in ROOTS:
        events.register(f"before-parse.s3.{operation}", _check_root)
    for operation in BARE:
        events.register(f"before-parse.s3.{operation}", _check_bare)
    events.register_first("before-parse.s3.ListObjectsV2", _read_page)
    events.register("before-call.s3.HeadBucket", _ask_once)
    _read_whole(client, seconds)


def guard_queue(client: SQSClient, *, seconds: float) -> None:
    """The same for a client of SQS."""
    client.meta.events.register("before-parse.sqs", _read_json)
    _read_whole(client, seconds)


def guard_compute(client: EC2Client, *, seconds: float) -> None:
    """The same for a client of EC2."""
    client.meta.events.register("before-parse.ec2", _check_name)
    _read_whole(client, seconds)


def _read_whole(client: Any, seconds: float) -> None:
    endpoint = client._endpoint
    endpoint.http_session = _Session(endpoint.http_session, seconds)


def _read_json(
    operation_model: Any,
    response_dict: dict[str, Any],
    customized_response_dict: dict[str, Any],
    **_: Any,
) -> None:
    """Read an answer here, and leave botocore an empty one: of a broken one it makes an empty."""
    if response_dict["status_code"] >= 300:
        return
    body = response_dict["body"]
    if operation_model.output_shape is None and not body.strip():
        return
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise Unavailable(
            "the answer isn't JSON: it isn't the service's, or not all of it", ambiguous=True
        )
    customized_response_dict.update(parsed)
    response_dict["body"] = b"{}"


def _check_root(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    root = ROOTS[operation_model.name].encode()
    body = response_dict["body"]
    if response_dict["status_code"] < 300 and not re.search(rb"<(\w+:)?%b[\s/>]" % root, body):
        raise Unavailable(
            f"the answer has no {root.decode()}: it isn't S3's, or not all of it", ambiguous=True
        )


def _check_name(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Every answer of EC2 is named after its operation, and closed."""
    name = f"{operation_model.name}Response".encode()
    body = response_dict["body"]
    whole = rb"<%b[\s>].*</%b>\s*$|<%b\b[^>]*/>\s*$" % (name, name, name)
    if response_dict["status_code"] < 300 and not re.search(whole, body, re.DOTALL):
        raise Unavailable(
            f"the answer has no whole {name.decode()}: it isn't EC2's, or not all of it",
            ambiguous=True,
        )


def _check_bare(response_dict: dict[str, Any], **_: Any) -> None:
    if response_dict["status_code"] < 300 and response_dict["body"].strip():
        raise Unavailable("the answer has a body where S3's has none", ambiguous=True)


def _read_page(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Read a listing here, and leave botocore an empty one."""
    if response_dict["status_code"] < 300:
        customized_response_dict[PAGE] = listing.parsed(response_dict["body"])
        response_dict["body"] = f"<{listing.ROOT}/>".encode()


def _ask_once(params: dict[str, Any], **_: Any) -> None:
    """Keep the search for a bucket's region from searching for itself."""
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


class _Session:
    """botocore's HTTP session; bodies that aren't streamed are read here."""

    def __init__(self, session: Any, seconds: float) -> None:
        self._session = session
        self._seconds = seconds

    def send(self, request: Any) -> AWSResponse:
        is_streamed, request.stream_output = request.stream_output, True
        try:
            answer = self._session.send(request)
        finally:
            del request  # a traceback that shows locals would show its headers
        if is_streamed and answer.status_code < 300:
            return answer  # type: ignore[no-any-return]
        whole = _Whole(answer.url, answer.status_code, answer.headers, answer.raw)
        whole.read(self._seconds)
        return whole

    @property
    def verify(self) -> object:
        """True, or what is trusted instead of the usual certificate authorities."""
        return self._session._verify

    def close(self) -> None:
        self._session.close()


class _Whole(AWSResponse):
    """An answer whose body is read, counted, by a deadline."""

    def read(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        body = bytearray()
        while block := self.raw.read1(BLOCK_BYTES):
            body += block
            if time.monotonic() > until:
                self.raw.close()
                raise ReadTimeoutError(endpoint_url=self.url)
        if self.raw.length_remaining:
            raise IncompleteReadError(
                actual_bytes=len(body), expected_bytes=len(body) + self.raw.length_remaining
            )
        self._content = bytes(body)
