"""A server with a fault proxy in front, buckets that reach it, and the store as it really is."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from portable.retry import Surroundings
from portable.storage import Bucket, connection
from portable.testing.faults import FaultProxy, Request
from portable.testing.servers import S3Server, client, make_bucket
from portable_aws.settings import S3Settings
from portable_aws.storage import S3Storage

BUCKET = "faults"
DEADLINE = 8.0
READ_TIMEOUT = 1.0
ATTEMPTS = 4


class Time:
    """Real time plus every sleep that was asked for and skipped. Safe in threads.

    Args:
        pace: How fast it passes: slowly, a near server seems nearer still.
        step: Seconds added by each look: a far server's line seems slow.
    """

    def __init__(self, *, pace: float = 1.0, step: float = 0.0) -> None:
        self._pace = pace
        self._step = step
        self._lock = threading.Lock()
        self._skipped = 0.0
        self._random = random.Random(7)

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(clock=self.clock, sleep=self.sleep, random=self._random.random)

    def clock(self) -> float:
        with self._lock:
            self._skipped += self._step
            return time.monotonic() * self._pace + self._skipped

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._skipped += seconds


class Stage:
    """What every cell of a worker shares: starting any of it anew would cost most of the time."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        make_bucket(server, BUCKET)
        # This client goes past the proxy: it tells what is stored.
        self.direct: Any = client(server, max_pool_connections=4)
        self.proxy = FaultProxy(server.port)
        self._drivers: dict[S3Settings, S3Storage] = {}
        self._plain: dict[str, bytes] = {}

    def close(self) -> None:
        for driver in self._drivers.values():
            driver.close()
        self._drivers.clear()
        self.proxy.close()
        self.direct.close()

    def renew(self) -> None:
        """Leave a proxy behind whose clients hang."""
        self._drivers.clear()
        self.proxy = FaultProxy(self.server.port)

    def settings(self, **changed: Any) -> S3Settings:
        usual = S3Settings(
            bucket=BUCKET,
            endpoint=self.proxy.endpoint,
            region=self.server.region,
            deadline=DEADLINE,
            attempts=ATTEMPTS,
            read_timeout=READ_TIMEOUT,
            connect_timeout=READ_TIMEOUT,
            concurrency=4,
        )
        return replace(usual, **changed)

    @contextmanager
    def bucket(self, when: Time | None = None, **changed: Any) -> Iterator[Bucket]:
        """A bucket behind the proxy, its retry budget full."""
        settings = self.settings(**changed)
        connection._budgets.clear()
        bucket = Bucket(
            lambda: self.driver(settings),
            settings,
            provider="aws",
            surroundings=(when or Time()).surroundings,
        )
        try:
            yield bucket
        finally:
            bucket.close()

    def driver(self, settings: S3Settings) -> S3Storage:
        """One for equal settings: a client takes a tenth of a second to make."""
        if settings not in self._drivers:
            self._drivers[settings] = S3Storage(settings)
        return self._drivers[settings]

    @contextmanager
    def unharmed(self, **changed: Any) -> Iterator[Bucket]:
        """A bucket that goes past the proxy."""
        with self.bucket(endpoint=self.server.endpoint, read_timeout=20.0, **changed) as bucket:
            yield bucket

    def keep(self, key: str, data: bytes, **changed: Any) -> None:
        """Store an object that cells only read, once."""
        if key not in self._plain:
            with self.unharmed(**changed) as bucket:
                bucket.put(key, data)
            self._plain[key] = data

    def forget(self, key: str) -> None:
        """Store *key* afresh before the next cell reads it."""
        self._plain.pop(key, None)

    def content(self, key: str) -> bytes | None:
        """What the store holds; `None` for nothing."""
        try:
            body: bytes = self.direct.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except self.direct.exceptions.NoSuchKey:
            return None
        return body

    def revision(self, key: str) -> str:
        etag: str = self.direct.head_object(Bucket=BUCKET, Key=key)["ETag"]
        return etag

    def leftovers(self, prefix: str) -> int:
        """Parts of multipart uploads that were begun and not finished.

        An upload without any costs nothing: one whose id was lost on the way stays until
        `abort_stale_uploads`.
        """
        found = self.direct.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix)
        return sum(
            len(
                self.direct.list_parts(
                    Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"]
                ).get("Parts", ())
            )
            for upload in found.get("Uploads", ())
        )

    def drop(self, prefix: str) -> None:
        """Remove what a cell left."""
        listed = self.direct.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())
        for entry in listed:
            self.direct.delete_object(Bucket=BUCKET, Key=entry["Key"])
        found = self.direct.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix)
        for upload in found.get("Uploads", ()):
            self.direct.abort_multipart_upload(
                Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"]
            )


def kind_of(request: Request) -> str:
    """Which call of S3's a request is."""
    query = request.target.partition("?")[2]
    names = {pair.partition("=")[0] for pair in query.split("&")}
    match request.method:
        case "HEAD":
            return "stat"
        case "GET":
            return "list" if "list-type" in names else "get"
        case "DELETE":
            return "abort" if "uploadId" in names else "delete"
        case "POST" if "delete" in names:
            return "delete_many"
        case "POST":
            return "begin" if "uploads" in names else "commit"
    if "uploadId" in names:
        return "part"
    return "copy" if request.header("x-amz-copy-source") else "put"


ANSWERS_WITH_BODY = frozenset({"get", "list", "begin", "commit", "copy", "delete_many"})
REQUESTS_WITH_BODY = frozenset({"put", "part", "commit", "delete_many"})
