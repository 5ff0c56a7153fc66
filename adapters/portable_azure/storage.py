"""Storage on Azure Blob Storage: one request a method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

from azure.storage.blob import ContainerClient

from portable.errors import (
    BucketNotFound,
    EndpointRefused,
    IntegrityError,
    NotFound,
    ObjectChanged,
    PermissionDenied,
    PortableError,
    PreconditionFailed,
    Unauthenticated,
    Unavailable,
)
from portable.storage.digests import from_base64
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
from portable.threads import results
from portable_azure.blocks import (
    DROPPED,
    Block,
    began,
    block_name,
    commit_body,
    new_upload,
    uncommitted,
)
from portable_azure.body import AzureRead
from portable_azure.client import Client
from portable_azure.copying import WHOLE_MAX, Source, find_source, spans
from portable_azure.credentials import Access
from portable_azure.limits import capabilities
from portable_azure.settings import AzureSettings
from portable_azure.shapes import (
    checked_total,
    conditional,
    conditions,
    described,
    from_headers,
    md5,
    names,
    page,
    whole_size,
    written,
)
from portable_azure.signing import Signer

T = TypeVar("T")
R = TypeVar("R")

THREADS = 16


class AzureStorage:
    """`StorageDriver` over one container."""

    def __init__(self, settings: AzureSettings, access: Access | None = None) -> None:
        self._client = Client(settings, settings.container, ContainerClient, access)
        self._container = settings.container
        self._signer = Signer(self._client.access)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="portable-azure")
        self.capabilities = capabilities(self._client.access)

    @property
    def native(self) -> ContainerClient:
        return cast("ContainerClient", self._client.native)

    def stat(self, key: str) -> StoredObject:
        try:
            answer = self._client.send("HEAD", key, 200)
        except Unauthenticated:
            # Its answer has no body: let a GET's tell what is wrong.
            self._client.send("GET", key, 200, stream=True).raw.close()
            raise
        found = from_headers(key, answer.headers)
        return replace(found, digest=from_base64(answer.headers.get("content-md5")))

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> AzureRead:
        if start < 0:
            return self._read_end(key, -start, if_match)
        headers = {} if if_match is None else {"if-match": if_match}
        is_whole = start == 0 and end is None
        if not is_whole:
            headers["x-ms-range"] = range_header(start, end)
        try:
            answer = self._client.send(
                "GET", key, 200 if is_whole else 206, headers=headers, stream=True
            )
        except RangeOutside:
            return AzureRead(self._stat_revision(key, if_match), None)
        try:
            told = answer.headers
            size = whole_size(told) if is_whole else checked_total(told, start, end)
            return AzureRead(from_headers(key, told, size=size), answer)
        except PortableError:
            answer.raw.close()
            raise

    def put(
        self, key: str, body: bytes | memoryview, crc32: int, write: WriteOptions
    ) -> StoredObject:
        headers = {
            "x-ms-blob-type": "BlockBlob",
            "content-md5": md5(body),
            **described(write),
            **conditional(write),
        }
        with conditions(write):
            answer = self._client.send("PUT", key, 201, headers=headers, body=body)
        return written(key, len(body), answer.headers, write.storage_class)

    def list(
        self, prefix: str, *, delimiter: bool, start_after: str, token: str | None, limit: int
    ) -> Page:
        asked = {"prefix": prefix, "maxresults": str(limit), "include": "metadata"}
        if delimiter:
            asked["delimiter"] = "/"
        if token is not None:
            asked["marker"] = token
        elif start_after:
            asked["startFrom"] = start_after
            asked["maxresults"] = str(limit + 1)  # the service begins with it
            return page(self._list(asked), after=start_after)
        return page(self._list(asked))

    def delete(
        self, keys: Sequence[str], *, if_match: str | None = None
    ) -> Mapping[str, PortableError]:
        if len(keys) == 1:
            self._delete(keys[0], if_match)
            return {}
        # One each: in a batch, too, each is signed, counted and billed alone.
        failed = {
            key: error
            for key, error in zip(keys, self._each(self._try_delete, keys), strict=True)
            if error is not None
        }
        denied = [e for e in failed.values() if isinstance(e, PermissionDenied)]
        for error in failed.values():
            if error.retryable or len(denied) == len(keys):
                raise error
        return failed

    def copy(
        self, source: StoredObject, target: str, *, origin: StorageDriver
    ) -> StoredObject | None:
        if not isinstance(origin, AzureStorage) or not self._same_server(origin):
            return None
        place = find_source(origin._client, origin._signer, origin._container, source)
        if place is None:
            return None
        try:
            if source.size > WHOLE_MAX:
                return self._copy_blocks(source, target, place)
            answer = self._client.send(
                "PUT",
                target,
                202,
                headers={"x-ms-requires-sync": "true", **place.headers},
                body=b"",
            )
        except (PreconditionFailed, NotFound) as error:
            if isinstance(error, BucketNotFound):
                raise
            raise ObjectChanged("the source was replaced while it was copied") from error
        return replace(
            written(target, source.size, answer.headers),
            content_type=source.content_type,
            metadata=source.metadata,
        )

    def begin(self, key: str, write: WriteOptions) -> str:
        return new_upload()  # Azure has no such thing: the blocks' names carry it

    def upload_part(self, key: str, upload: str, part: Part) -> UploadedPart:
        name = block_name(upload, part.number)
        self._stage(key, name, part.body)
        return UploadedPart(part.number, name, len(part.body), part.crc32)

    def commit(
        self, key: str, upload: str, parts: Sequence[UploadedPart], crc32: int, write: WriteOptions
    ) -> StoredObject:
        self._check_held(key, parts)
        body = commit_body(part.tag for part in parts)
        headers = {"content-md5": md5(body), **described(write), **conditional(write)}
        try:
            with conditions(write):
                answer = self._client.send(
                    "PUT", key, 201, query={"comp": "blocklist"}, headers=headers, body=body
                )
        except NotFound as error:
            if type(error) is NotFound and self._are_held(key, parts):
                raise IntegrityError(
                    "the list of blocks was spoiled on the way", retryable=True
                ) from error
            raise
        size = sum(part.size for part in parts)
        return written(key, size, answer.headers, write.storage_class)

    def abort(self, key: str, upload: str) -> None:
        held = [block for block in self._blocks(key) if block.upload == upload and block.is_held]
        for _ in self._each(lambda block: self._stage(key, block.name, DROPPED), held):
            pass  # else nobody would wait, nor hear of a failure

    def uploads(self, prefix: str) -> Iterator[PendingUpload]:
        """Azure lists the names only, and for those with an object not whether it has blocks."""
        token: str | None = None
        while True:
            asked = {"prefix": prefix, "include": "uncommittedblobs"}
            body = self._list(asked | ({"marker": token} if token else {}))
            keys, token = names(body)
            for key, blocks in zip(keys, self._each(self._blocks, keys), strict=True):
                for upload in sorted({b.upload for b in blocks if b.upload and b.is_held}):
                    yield PendingUpload(key, upload, began(upload))
            if token is None:
                return

    def sign(
        self,
        key: str,
        *,
        method: str,
        expires: timedelta,
        content_type: str | None,
        if_absent: bool,
    ) -> SignedRequest:
        until = datetime.now(UTC).replace(microsecond=0) + expires
        signature = self._signer.sign(self._container, key, method=method, until=until)
        headers = {"x-ms-blob-type": "BlockBlob"} if method == "PUT" else {}
        if content_type is not None:
            headers["Content-Type"] = content_type
        if if_absent:
            headers["If-None-Match"] = "*"
        url = f"{self._client.url(key)}?{signature}"
        return SignedRequest(method=method, url=url, headers=headers, expires_at=until)

    def close(self) -> None:
        self._pool.shutdown()
        self._client.close()

    def _each(self, call: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """What *call* returns for each of *items*, several at a time, in order."""
        return self._pool.map(call, items)

    def _list(self, asked: Mapping[str, str]) -> bytes:
        query = {"restype": "container", "comp": "list", **asked}
        return self._client.send("GET", None, 200, query=query).body

    def _stage(self, key: str, name: str, body: bytes | memoryview) -> None:
        query = {"comp": "block", "blockid": name}
        headers = {"content-md5": md5(body)}
        self._client.send("PUT", key, 201, query=query, headers=headers, body=body)

    def _blocks(self, key: str) -> Sequence[Block]:
        query = {"comp": "blocklist", "blocklisttype": "uncommitted"}
        try:
            return uncommitted(self._client.send("GET", key, 200, query=query).body)
        except NotFound as error:
            if type(error) is not NotFound:
                raise
            return []

    def _are_held(self, key: str, parts: Sequence[UploadedPart]) -> bool:
        """Are all blocks there still, of a list that was refused?"""
        return {part.tag for part in parts} <= {block.name for block in self._blocks(key)}

    def _check_held(self, key: str, parts: Sequence[UploadedPart]) -> None:
        """Somebody may have given up the upload: a block of a byte is then in each one's place."""
        held = {block.name: block.size for block in self._blocks(key)}
        if any(held.get(part.tag, part.size) < part.size for part in parts):
            raise NotFound("parts of the upload were dropped meanwhile; nothing was published")

    def _delete(self, key: str, if_match: str | None = None) -> None:
        headers = {} if if_match is None else {"if-match": if_match}
        try:
            self._client.send("DELETE", key, 202, headers=headers)
        except NotFound as error:
            if type(error) is not NotFound:
                raise

    def _try_delete(self, key: str) -> PortableError | None:
        try:
            self._delete(key)
        except (BucketNotFound, EndpointRefused, Unauthenticated):
            raise  # no key's own
        except PortableError as error:
            return error
        return None

    def _read_end(self, key: str, size: int, if_match: str | None) -> AzureRead:
        """Azure knows no range that is counted from the end."""
        info = self._stat_revision(key, if_match)
        if not info.size:
            return AzureRead(info, None)
        try:
            start = max(0, info.size - size)
            return self.read(key, start=start, end=info.size, if_match=info.revision)
        except PreconditionFailed as error:
            if if_match is not None:
                raise
            raise Unavailable("the object was replaced just now") from error

    def _stat_revision(self, key: str, if_match: str | None) -> StoredObject:
        info = self.stat(key)
        if if_match is not None and info.revision != if_match:
            raise PreconditionFailed("the object is another revision")
        return info

    def _copy_blocks(self, source: StoredObject, target: str, place: Source) -> StoredObject:
        """More than one copy takes: blocks from the source, put together as in an upload."""
        upload = new_upload()

        def stage(block: tuple[int, int, int]) -> UploadedPart:
            number, start, end = block
            name = block_name(upload, number)
            query = {"comp": "block", "blockid": name}
            self._client.send(
                "PUT",
                target,
                201,
                query=query,
                headers={"x-ms-source-range": f"bytes={start}-{end - 1}", **place.headers},
                body=b"",
            )
            return UploadedPart(number, name, end - start, 0)

        write = WriteOptions(content_type=source.content_type or "", metadata=source.metadata or {})
        try:
            # None may still be under way when the rest is aborted.
            parts = results([self._pool.submit(stage, each) for each in spans(source.size)])
            stored = self.commit(target, upload, parts, 0, write)
        except BaseException:
            self.abort(target, upload)
            raise
        return replace(stored, content_type=source.content_type, metadata=source.metadata)

    def _same_server(self, other: AzureStorage) -> bool:
        """One account: the target's service must reach the source."""
        return self._client.access.endpoint == other._client.access.endpoint
