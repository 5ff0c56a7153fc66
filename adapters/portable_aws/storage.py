"""Storage on S3: one request a method."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from portable import interrupt
from portable.errors import (
    EndpointRefused,
    NotFound,
    ObjectChanged,
    PermissionDenied,
    PortableError,
    PreconditionFailed,
    Unsupported,
)
from portable.storage.around import innermost
from portable.storage.driver import (
    Page,
    Part,
    PendingUpload,
    StorageDriver,
    StoredObject,
    UploadedPart,
    WriteOptions,
)
from portable.storage.http import RangeOutside, range_header
from portable.storage.types import SignedRequest
from portable.threads import ContextThreads, results
from portable_aws.answers import PAGE, Answer
from portable_aws.body import S3Read, sendable
from portable_aws.client import credentials_end, make_client
from portable_aws.codes import S3
from portable_aws.errors import of_entry, translated
from portable_aws.limits import capabilities
from portable_aws.meanings import Codes
from portable_aws.settings import S3Settings
from portable_aws.shapes import (
    ENCRYPTION_HEADERS,
    checked_total,
    conditional,
    conditions,
    described,
    encoded,
    encryption,
    from_headers,
    own_digest,
    whole_size,
    written,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
COPY_MAX = 5 * 1024**3  # one CopyObject
COPY_PART = 1024**3
# What a HEAD's status alone can mean; 400 has no class, and an expired token is one; a bucket of
# another region redirects.
BODYLESS = (EndpointRefused, NotFound, PermissionDenied, PortableError)


class S3Storage:
    """`StorageDriver` over one S3 bucket.

    Attributes:
        codes: What the service's words for a failure mean, and what to do.
    """

    codes: Codes = S3

    def __init__(self, settings: S3Settings, keys: tuple[str, str] | None = None) -> None:
        self._client = make_client(settings, keys)
        self._bucket = settings.bucket
        self._aws_profile = settings.aws_profile
        self._native_checksums = settings.checksums == "when_supported"
        self._bucket_seen = False
        self._concurrency = settings.concurrency
        self._encryption = encryption(settings)
        self.capabilities = capabilities(settings)

    @property
    def native(self) -> S3Client:
        return self._client

    def stat(self, key: str) -> StoredObject:
        try:
            answer = self._send("head_object", Key=key, ChecksumMode="ENABLED")
        except PortableError as error:
            if type(error) in BODYLESS:
                self._explain(key, error)
            raise
        return replace(
            from_headers(key, answer, size=answer["ContentLength"]), digest=own_digest(answer)
        )

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> S3Read:
        is_whole = start == 0 and end is None
        asked: dict[str, Any] = {"Key": key}
        if if_match is not None:
            asked["IfMatch"] = if_match
        if is_whole:
            asked["ChecksumMode"] = "ENABLED"
        else:
            asked["Range"] = range_header(start, end)
        try:
            answer = self._send("get_object", **asked)
        except RangeOutside:
            return S3Read(self._stat_revision(key, if_match), None)
        try:
            size = whole_size(answer) if is_whole else checked_total(answer, start, end)
            return S3Read(from_headers(key, answer, size=size), answer["Body"])
        except PortableError:
            answer["Body"].close()
            raise

    def put(
        self, key: str, body: bytes | memoryview, crc32: int, write: WriteOptions
    ) -> StoredObject:
        with conditions(write):
            answer = self._send(
                "put_object",
                Key=key,
                Body=sendable(body),
                **described(write),
                **conditional(write),
                **self._guard(body, crc32),
                **self._encryption,
            )
        self._check_encrypted(answer)
        return written(key, len(body), answer, write.storage_class)

    def list(
        self, prefix: str, *, delimiter: bool, start_after: str, token: str | None, limit: int
    ) -> Page:
        asked: dict[str, Any] = {"Prefix": prefix, "MaxKeys": limit}
        if delimiter:
            asked["Delimiter"] = "/"
        if token is not None:
            asked["ContinuationToken"] = token
        elif start_after:
            asked["StartAfter"] = start_after
        return cast("Page", self._send("list_objects_v2", **asked)[PAGE])

    def delete(
        self, keys: Sequence[str], *, if_match: str | None = None
    ) -> Mapping[str, PortableError]:
        if len(keys) == 1:
            self._delete_one(keys[0], if_match)
            return {}
        named = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        answer = self._send("delete_objects", Delete=named)
        return {
            entry["Key"]: of_entry(entry, "DeleteObjects") for entry in answer.get("Errors", ())
        }

    def copy(
        self, source: StoredObject, target: str, *, origin: StorageDriver
    ) -> StoredObject | None:
        origin = innermost(origin)
        if not isinstance(origin, S3Storage) or not self._same_server(origin):
            return None
        place = {
            "CopySource": {"Bucket": origin._bucket, "Key": source.key},
            "CopySourceIfMatch": source.revision,
        }
        try:
            if source.size > COPY_MAX:
                return self._copy_parts(source, target, place)
            checksum = {"ChecksumAlgorithm": "CRC32"} if self._native_checksums else {}
            answer = self._send("copy_object", Key=target, **place, **checksum, **self._encryption)
        except PreconditionFailed as error:
            raise ObjectChanged("the source was replaced while it was copied") from error
        self._check_encrypted(answer)
        result = Answer(answer["CopyObjectResult"])
        return replace(
            written(target, source.size, Answer(answer | result)),
            last_modified=result["LastModified"].astimezone(UTC),
            content_type=source.content_type,
            metadata=source.metadata,
            crc32=source.crc32,
        )

    def begin(self, key: str, write: WriteOptions) -> str:
        checksum = (
            {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}
            if self._native_checksums
            else {}
        )
        answer = self._send(
            "create_multipart_upload", Key=key, **described(write), **checksum, **self._encryption
        )
        self._check_encrypted(answer)
        return cast("str", answer["UploadId"])

    def upload_part(self, key: str, upload: str, part: Part) -> UploadedPart:
        answer = self._send(
            "upload_part",
            Key=key,
            UploadId=upload,
            PartNumber=part.number,
            Body=sendable(part.body),
            **self._guard(part.body, part.crc32),
        )
        return UploadedPart(part.number, answer["ETag"], len(part.body), part.crc32)

    def commit(
        self, key: str, upload: str, parts: Sequence[UploadedPart], crc32: int, write: WriteOptions
    ) -> StoredObject:
        named = [self._named(part) for part in parts]
        checksum = (
            {"ChecksumCRC32": encoded(crc32), "ChecksumType": "FULL_OBJECT"}
            if self._native_checksums
            else {}
        )
        with conditions(write):
            answer = self._send(
                "complete_multipart_upload",
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": named},
                **checksum,
                **conditional(write),
            )
        return written(key, sum(part.size for part in parts), answer, write.storage_class)

    def abort(self, key: str, upload: str) -> None:
        try:
            self._send("abort_multipart_upload", Key=key, UploadId=upload)
        except NotFound as error:
            if type(error) is not NotFound:
                raise

    def uploads(self, prefix: str) -> Iterator[PendingUpload]:
        marker: dict[str, str] = {}
        while True:
            answer = self._send("list_multipart_uploads", Prefix=prefix, **marker)
            for entry in answer.get("Uploads", ()):
                yield PendingUpload(entry["Key"], entry["UploadId"], entry["Initiated"])
            if not answer.get("IsTruncated"):
                return
            marker = {
                "KeyMarker": answer["NextKeyMarker"],
                "UploadIdMarker": answer["NextUploadIdMarker"],
            }

    def sign(
        self,
        key: str,
        *,
        method: str,
        expires: timedelta,
        content_type: str | None,
        if_absent: bool,
    ) -> SignedRequest:
        named: dict[str, Any] = {"Bucket": self._bucket, "Key": key}
        headers: dict[str, str] = {}
        if content_type is not None:
            named["ContentType"] = headers["Content-Type"] = content_type
        if method == "PUT":
            named |= self._encryption
            headers |= {ENCRYPTION_HEADERS[name]: value for name, value in self._encryption.items()}
        if if_absent:
            named["IfNoneMatch"] = headers["If-None-Match"] = "*"
        operation = {"GET": "get", "PUT": "put", "HEAD": "head", "DELETE": "delete"}[method]
        seconds = int(expires.total_seconds())
        expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
        with translated(self.codes):
            url = self._client.generate_presigned_url(
                f"{operation}_object", Params=named, ExpiresIn=seconds
            )
        # Temporary credentials end what they have signed:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
        ends = credentials_end(self._client)
        expires_at = min(expires_at, ends) if ends else expires_at
        return SignedRequest(method=method, url=url, headers=headers, expires_at=expires_at)

    def close(self) -> None:
        self._client.close()

    def _send(self, operation: str, **asked: Any) -> Answer:
        with translated(self.codes):
            answer = getattr(self._client, operation)(Bucket=self._bucket, **asked)
        self._bucket_seen = True
        return Answer(answer)

    def _explain(self, key: str, error: PortableError) -> None:
        """A HEAD's answer has no body: let a GET tell a missing bucket or a wrong secret."""
        if isinstance(error, NotFound) and self._bucket_seen:
            return
        try:
            self._send("get_object", Key=key, Range="bytes=0-0")["Body"].close()
        except RangeOutside:
            return

    def _stat_revision(self, key: str, if_match: str | None) -> StoredObject:
        info = self.stat(key)
        if if_match is not None and info.revision != if_match:
            raise PreconditionFailed("the object is another revision")
        return info

    def _guard(self, body: bytes | memoryview, crc32: int) -> dict[str, str]:
        """What lets the server refuse a body that was spoiled on the way."""
        if self._native_checksums:
            return {"ChecksumAlgorithm": "CRC32", "ChecksumCRC32": encoded(crc32)}
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        return {"ContentMD5": base64.b64encode(digest).decode()}

    def _named(self, part: UploadedPart) -> dict[str, Any]:
        named: dict[str, Any] = {"PartNumber": part.number, "ETag": part.tag}
        if self._native_checksums:
            named["ChecksumCRC32"] = encoded(part.crc32)
        return named

    def _copy_parts(self, source: StoredObject, target: str, place: dict[str, Any]) -> StoredObject:
        """S3 copies more than 5 GiB only in parts, and forgets the metadata: it goes along here."""
        write = WriteOptions(content_type=source.content_type or "", metadata=source.metadata or {})
        upload = self.begin(target, write)
        step = max(COPY_PART, -(-source.size // self.capabilities.parts_max))

        def copied(number: int, start: int) -> dict[str, Any]:
            interrupt.check()
            answer = self._send(
                "upload_part_copy",
                Key=target,
                UploadId=upload,
                PartNumber=number,
                CopySourceRange=f"bytes={start}-{min(start + step, source.size) - 1}",
                **place,
            )
            return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}

        try:
            with ContextThreads(self._concurrency) as pool:
                starts = enumerate(range(0, source.size, step), 1)
                parts = results([pool.submit(copied, *each) for each in starts])
            self._send(
                "complete_multipart_upload",
                Key=target,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
            )
        except BaseException:
            self.abort(target, upload)
            raise
        return self.stat(target)

    def _delete_one(self, key: str, if_match: str | None) -> None:
        condition = {} if if_match is None else {"IfMatch": if_match}
        try:
            self._send("delete_object", Key=key, **condition)
        except NotFound as error:
            if if_match is None or type(error) is not NotFound:  # S3's words for "gone already"
                raise

    def _check_encrypted(self, answer: Mapping[str, Any]) -> None:
        wanted = self._encryption.get("ServerSideEncryption")
        if wanted is not None and answer.get("ServerSideEncryption") != wanted:
            raise Unsupported(
                f"the server doesn't confirm the encryption {wanted!r} that is configured, and "
                f"may have stored the data without it; take 'encryption' out for this server"
            )

    def _same_server(self, other: S3Storage) -> bool:
        """One server, and one identity: the target's must be allowed to read the source."""
        return (self._client.meta.endpoint_url, self._aws_profile) == (
            other._client.meta.endpoint_url,
            other._aws_profile,
        )
