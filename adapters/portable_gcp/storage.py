"""Storage on Google Cloud Storage: the JSON API, and the XML API where that one does more.

A GET of the XML API carries an object's metadata, which a download of the JSON API doesn't; and
only the XML API has multipart uploads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from portable.errors import (
    BucketNotFound,
    InvalidKey,
    NotFound,
    ObjectChanged,
    PermissionDenied,
    PortableError,
    PreconditionFailed,
    Unavailable,
    Unsupported,
)
from portable.storage.driver import (
    Capabilities,
    Page,
    Part,
    PendingUpload,
    StorageDriver,
    StoredObject,
    UploadedPart,
    WriteOptions,
)
from portable.storage.http import RangeOutside, conditions, range_header
from portable.storage.metadata import STAMP
from portable.storage.types import SignedRequest
from portable_gcp import batch
from portable_gcp.body import GcsRead, crc32c_of, related, with_digest
from portable_gcp.client import Answer, Client, key_path
from portable_gcp.credentials import is_anonymous
from portable_gcp.errors import translated
from portable_gcp.multipart import UNFINISHED, Uploads, is_hidden, publish, staged_name
from portable_gcp.settings import GcsSettings
from portable_gcp.shapes import (
    DIGESTS,
    FIELDS,
    checked_total,
    conditional,
    described,
    from_headers,
    from_resource,
    generation,
    listed,
    whole_size,
)

if TYPE_CHECKING:
    from google.cloud.storage import Client as SdkClient

T = TypeVar("T")

# https://cloud.google.com/storage/quotas; metadata is ASCII because the XML API's headers are.
LIMITS = Capabilities(
    storage_classes=True,
    metadata_ascii=True,
    put_max=5 * 1024**4,
    part_min=5 * 1024**2,
    part_max=5 * 1024**3,
    parts_max=10_000,
    delete_max=batch.MOST,
    sign_max=timedelta(days=7),
)


class GcsStorage:
    """`StorageDriver` over one bucket.

    Attributes:
        client: Knows the server and the credentials; makes connections when it first sends.
    """

    def __init__(self, settings: GcsSettings) -> None:
        self.client = Client(settings)
        self.settings = settings
        self._bucket = settings.bucket
        self._home = f"{settings.prefix.strip('/')}/" if settings.prefix.strip("/") else ""
        self._bucket_seen = False
        self._uploads = Uploads(self.client, self._bucket, self._home, settings.deadline)
        self.capabilities = replace(LIMITS, sign_max=None) if is_anonymous(settings) else LIMITS

    @property
    def native(self) -> SdkClient:
        return self.client.native

    def stat(self, key: str) -> StoredObject:
        asked = {"fields": f"{FIELDS},{DIGESTS}"}
        resource = self._ask("GET", self._object(key), asked)
        return with_digest(resource)

    def read(self, key: str, *, start: int, end: int | None, if_match: str | None) -> GcsRead:
        is_whole = start == 0 and end is None
        headers: dict[str, str] = {}
        if if_match is not None:
            headers["x-goog-if-generation-match"] = generation(if_match)
        if not is_whole:
            headers["Range"] = range_header(start, end)
        path = f"/{quote(self._bucket)}/{key_path(key)}"
        try:
            response = self._explained(lambda: self.client.stream(path, headers))
        except RangeOutside:
            return GcsRead(self._stat_revision(key, if_match), None)
        try:
            sent = response.headers
            size = whole_size(sent) if is_whole else checked_total(sent, start, end)
            return GcsRead(_checked(from_headers(key, sent, size=size), if_match), response)
        except PortableError:
            response.close()
            raise

    def put(
        self,
        key: str,
        body: bytes | memoryview,
        crc32: int,
        write: WriteOptions,
    ) -> StoredObject:
        _check_key(key)
        about = {"name": key, "crc32c": crc32c_of(body), **described(write)}
        kind, size, pieces = related(about, body, write.content_type)
        query = {"uploadType": "multipart", "fields": FIELDS, **conditional(write)}
        with conditions(write):
            answer = self._ask(
                "POST",
                f"/upload{self._objects}",
                query,
                headers={"Content-Type": kind},
                body=pieces,
                size=size,
            )
        return from_resource(answer)

    def list(
        self, prefix: str, *, delimiter: bool, start_after: str, token: str | None, limit: int
    ) -> Page:
        asked = {
            "prefix": prefix,
            "maxResults": str(limit),
            "fields": f"kind,items({FIELDS},{DIGESTS}),prefixes,nextPageToken",
        }
        if delimiter:
            asked["delimiter"] = "/"
        if start_after:
            asked["startOffset"] = start_after  # inclusive
        if token is not None:
            asked["pageToken"] = token
        answer = listed(self._ask("GET", self._objects, asked))
        found = [with_digest(item) for item in answer.get("items", ())]
        return Page(
            [each for each in found if each.key != start_after and not is_hidden(each.key)],
            [each for each in answer.get("prefixes", ()) if not is_hidden(each)],
            answer.get("nextPageToken"),
        )

    def delete(
        self, keys: Sequence[str], *, if_match: str | None = None
    ) -> Mapping[str, PortableError]:
        if len(keys) == 1:
            self._delete_one(keys[0], if_match)
            return {}
        calls = [f"DELETE {self._object(key)} HTTP/1.1" for key in keys]
        failed: dict[str, PortableError] = {}
        for key, error in zip(keys, batch.send(self.client, calls), strict=True):
            if isinstance(error, NotFound):
                error = self._explanation(error)
            if error is not None and type(error) is not NotFound:
                failed[key] = error
        _raise_for_all(list(failed.values()), len(keys))
        return failed

    def copy(
        self, source: StoredObject, target: str, *, origin: StorageDriver
    ) -> StoredObject | None:
        if not isinstance(origin, GcsStorage) or not self._same_server(origin):
            return None
        _check_key(target)
        try:
            return self._rewrite(
                origin._object(source.key),
                target,
                {"ifSourceGenerationMatch": generation(source.revision)},
            )
        except PreconditionFailed as error:
            raise ObjectChanged("the source was replaced while it was copied") from error

    def begin(self, key: str, write: WriteOptions) -> str:
        _check_key(key)
        conditional(write)  # one that nothing can meet is refused before anything is sent
        return self._explained(lambda: self._uploads.begin(key, write))

    def upload_part(self, key: str, upload: str, part: Part) -> UploadedPart:
        return self._explained(lambda: self._uploads.send(key, upload, part))

    def commit(
        self,
        key: str,
        upload: str,
        parts: Sequence[UploadedPart],
        crc32: int,
        write: WriteOptions,
    ) -> StoredObject:
        if staged_name(upload):
            with conditions(write):
                return publish(
                    self._uploads,
                    key,
                    upload,
                    parts,
                    lambda name: self._rewrite(
                        self._object(name), key, conditional(write), described(write)
                    ),
                    lambda name: self._delete_one(name, None),
                )
        headers, _ = self._uploads.complete(key, upload, parts)
        return self._completed(key, headers, write)

    def abort(self, key: str, upload: str) -> None:
        self._explained(lambda: self._uploads.abort(key, upload))
        if name := staged_name(upload):
            self._delete_one(name, None)

    def uploads(self, prefix: str) -> Iterator[PendingUpload]:
        yield from self._explained(lambda: list(self._uploads.pending(prefix)))
        token: str | None = None
        while True:
            asked = {"prefix": self._home + UNFINISHED, **({"pageToken": token} if token else {})}
            answer = listed(self._ask("GET", self._objects, asked))
            for found in map(from_resource, answer.get("items", ())):
                yield PendingUpload(found.key, f" {found.key}", found.last_modified)
            if (token := answer.get("nextPageToken")) is None:
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
        headers = {} if content_type is None else {"Content-Type": content_type}
        if if_absent:
            headers["x-goog-if-generation-match"] = "0"
        seconds = int(expires.total_seconds())
        expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
        blob = self.native.bucket(self._bucket).blob(key)
        with translated():
            url = blob.generate_signed_url(
                version="v4",
                expiration=timedelta(seconds=seconds),
                method=method,
                headers=headers,
                api_access_endpoint=self.client.server,
                **self._signer(),
            )
        return SignedRequest(method=method, url=url, headers=headers, expires_at=expires_at)

    def close(self) -> None:
        self.client.close()

    @property
    def _objects(self) -> str:
        return f"/storage/v1/b/{quote(self._bucket, safe='')}/o"

    def _object(self, key: str) -> str:
        return f"{self._objects}/{quote(key, safe='')}"

    def _ask(self, method: str, path: str, query: Mapping[str, str], **more: Any) -> Answer:
        return self._explained(lambda: self.client.ask(method, path, query, **more))

    def _explained(self, send: Callable[[], T]) -> T:
        """Send, and tell a missing bucket from a missing object where the answer doesn't."""
        try:
            answer = send()
        except NotFound as error:
            raise self._explanation(error) from error.__cause__
        self._bucket_seen = True
        return answer

    def _explanation(self, error: NotFound) -> NotFound:
        said = re.search(r"No such object|NoSuchKey|NoSuchUpload", error.message)
        if isinstance(error, BucketNotFound) or self._bucket_seen or said:
            return error
        try:
            self.client.send("GET", self._objects, {"maxResults": "1"})
        except BucketNotFound as found:
            return found
        except NotFound as found:
            missing = BucketNotFound(f"there is no such bucket ({found.message})")
            missing.__cause__ = found.__cause__
            return missing
        except PermissionDenied:
            return error  # these credentials may not list
        self._bucket_seen = True
        return error

    def _stat_revision(self, key: str, if_match: str | None) -> StoredObject:
        return _checked(self.stat(key), if_match)

    def _delete_one(self, key: str, if_match: str | None) -> None:
        query = {} if if_match is None else {"ifGenerationMatch": generation(if_match)}
        try:
            self._explained(lambda: self.client.tell("DELETE", self._object(key), query))
        except NotFound as error:
            if type(error) is not NotFound:  # else Google's word for "gone already"
                raise

    def _rewrite(
        self,
        source: str,
        target: str,
        query: Mapping[str, str],
        about: Mapping[str, Any] | None = None,
    ) -> StoredObject:
        """Copy on the server, in as many requests as it takes.

        https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite
        """
        import json

        path = f"{source}/rewriteTo{self._object(target).removeprefix('/storage/v1')}"
        body = json.dumps(about).encode() if about else b""
        headers = {"Content-Type": "application/json"} if body else {}
        asked = dict(query)
        while True:
            answer = self._ask("POST", path, asked, headers=headers, body=body)
            if answer["done"]:
                return from_resource(answer["resource"])
            asked["rewriteToken"] = answer["rewriteToken"]

    def _completed(self, key: str, headers: Mapping[str, str], write: WriteOptions) -> StoredObject:
        """What a completed upload stored: its answer tells little."""
        try:
            stored = self.stat(key)
        except PortableError as error:
            error.ambiguous = True  # whatever it is, the object was made
            raise
        made = headers.get("x-goog-generation")
        ours = (stored.metadata or {}).get(STAMP) == write.metadata.get(STAMP)
        if made not in (None, stored.revision) or not ours:
            raise Unavailable("the object was replaced as soon as it was written", ambiguous=True)
        return stored

    def _signer(self) -> dict[str, Any]:
        """What signs where the credentials have no private key: IAM, for a service account."""
        from google.auth.credentials import Signing

        with translated():
            found = self.client.credentials
        if isinstance(found, Signing):
            return {}
        token = self.client.token()
        account = getattr(found, "service_account_email", None)
        if not account or token is None:
            raise Unsupported(
                "these credentials can't sign: use a service account's (a key file, the machine's "
                "own, or impersonation)"
            )
        return {"service_account_email": account, "access_token": token}

    def _same_server(self, other: GcsStorage) -> bool:
        """One server, and one identity: the target's must be allowed to read the source."""
        mine, theirs = self.settings, other.settings
        return (
            self.client.server,
            mine.credentials_file,
            mine.anonymous,
        ) == (other.client.server, theirs.credentials_file, theirs.anonymous)


def _checked(info: StoredObject, if_match: str | None) -> StoredObject:
    if if_match is not None and info.revision != if_match:
        raise PreconditionFailed("the object is another revision")
    return info


def _raise_for_all(failed: Sequence[PortableError], asked: int) -> None:
    """Raise what isn't one key's own trouble, or goes away when all is sent again."""
    for error in failed:
        if error.retryable or isinstance(error, BucketNotFound):
            raise error
    if len(failed) == asked and isinstance(failed[0], PermissionDenied):
        raise failed[0]


def _check_key(key: str) -> None:
    if is_hidden(key):
        raise InvalidKey(f"keys in a folder {UNFINISHED!r} are for uploads under way")
