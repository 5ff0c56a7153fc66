"""An attempt's objects by signed URLs: no credential is on the machine."""

from __future__ import annotations

import http.client
import random
import time
import urllib.error
import urllib.request
import zlib

from .failures import Refused, Rejected, StoreError, TooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Any

TIMEOUT_SECONDS = 30.0  # without a byte
PATIENCE_SECONDS = 600.0  # for one file that doesn't get on
LONGEST_SLEEP_SECONDS = 15.0
_BLOCK = 256 * 1024
_BROKEN = (urllib.error.URLError, http.client.HTTPException, OSError)
_LATER = frozenset((408, 409, 425, 429, 500, 502, 503, 504))


class SignedStore:
    """One connection a request, as urllib has them."""

    is_local = False

    def __init__(self, signed: dict[str, Any]) -> None:
        self._signed = signed
        self._slots = sum(name.startswith("out/") for name in signed)
        self._opener = urllib.request.build_opener()

    def put(self, name: str, data: bytes | bytearray) -> None:
        """Store or replace an object; one try."""
        self._send("PUT", self._named(name), data)

    def create(self, name: str, data: bytes, patience: float) -> bool:
        """Store an object unless there is one; then False, but for our own whose answer was lost."""
        end = time.monotonic() + patience
        unsure = False
        tries = 0
        while True:
            try:
                return self._create(name, data, unsure=unsure)
            except Rejected:
                raise
            except StoreError:
                unsure = True
                tries += 1
                if time.monotonic() >= end:
                    raise
                _sleep(tries, lambda: None)

    def exists(self, name: str) -> bool:
        """Is an object there that the client writes?"""
        try:
            self._send("GET", self._named(name))
        except _Missing:
            return False
        return True

    def slots(self) -> int | None:
        """As many as there are URLs."""
        return self._slots

    def put_file(self, name: str, path: str, size: int, go_on: Callable[[], None]) -> int:
        """Store a file and return its CRC-32."""
        progress = _Progress(go_on)
        while True:
            with open(path, "rb") as file:
                body = _Checked(file, go_on, size)
                try:
                    self._send("PUT", self._named(name), body, {"Content-Length": str(size)})
                except Rejected:
                    raise
                except StoreError as error:
                    progress.wait(error)
                    continue
                return body.checksum

    def fetch(self, wanted: dict[str, Any], target: str, go_on: Callable[[], None]) -> None:
        """Download an input, going on where it broke off while the object is the same."""
        progress = _Progress(go_on)
        with open(target, "wb") as file:
            revision = ""
            while True:
                begin = file.tell()
                headers = {}
                if begin and revision:
                    headers = {"Range": f"bytes={begin}-", "If-Match": revision}
                try:
                    with self._open("GET", wanted["get"], None, headers) as answer:
                        if answer.status != 206:
                            file.seek(0)
                            file.truncate()
                        revision = answer.headers.get("ETag", "")
                        self._receive(answer, file, progress)
                    return
                except _Exists:  # another one meanwhile
                    file.seek(0)
                    file.truncate()
                    revision = ""
                except Rejected:
                    raise
                except StoreError as error:
                    progress.wait(error)

    def _receive(self, answer: Any, file: IO[bytes], progress: _Progress) -> None:
        begin = file.tell()
        try:
            while block := answer.read(_BLOCK):
                file.write(block)
                progress.moved()
        except _BROKEN as error:
            raise StoreError(f"the download broke off: {error}") from error
        length = answer.headers.get("Content-Length")
        if length is not None and file.tell() - begin != int(length):
            raise StoreError("the download broke off")

    def _named(self, name: str) -> dict[str, Any]:
        if name not in self._signed:
            raise Rejected(f"the manifest has no URL for {name}")
        found: dict[str, Any] = self._signed[name]
        return found

    def _create(self, name: str, data: bytes, *, unsure: bool) -> bool:
        try:
            self._send("PUT", self._named(name), data)
        except _Exists:
            return unsure and self._is_ours(name, data)
        return True

    def _is_ours(self, name: str, data: bytes) -> bool:
        if f"{name}/read" not in self._signed:
            return False
        return self._send("GET", self._named(f"{name}/read")) == data

    def _send(
        self,
        method: str,
        signed: dict[str, Any],
        body: bytes | bytearray | _Checked | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        """One request; what it is answered."""
        try:
            with self._open(method, signed, body, headers or {}) as answer:
                said: bytes = answer.read()
        except _BROKEN as error:
            raise StoreError(str(error)) from error
        return said

    def _open(self, method: str, signed: dict[str, Any], body: Any, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(signed["url"], data=body, method=method)  # noqa: S310
        if body is not None:  # urllib would say that it is a form
            request.add_header("Content-Type", "application/octet-stream")
        for key, value in {**headers, **signed.get("headers", {})}.items():
            request.add_header(key, value)
        try:
            return self._opener.open(request, timeout=TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            with error:
                raise _failure(error) from None
        except _BROKEN as error:
            raise StoreError(_without_url(error)) from None


class _Exists(Rejected):
    """The condition doesn't hold."""


class _Missing(Rejected):
    """There is no such object."""


class _Checked:
    """A file as a request's body of so many bytes, with the checksum of what was read.

    What its task has left running may still write to it.
    """

    def __init__(self, file: IO[bytes], go_on: Callable[[], None], size: int) -> None:
        self._file = file
        self._go_on = go_on
        self._left = size
        self.checksum = 0

    def read(self, size: int = -1) -> bytes:
        self._go_on()
        data = self._file.read(min(max(size, _BLOCK), self._left))
        if not data and self._left:
            raise Rejected(f"it has {self._left} bytes less now than when its task ended")
        self._left -= len(data)
        self.checksum = zlib.crc32(data, self.checksum)
        return data


class _Progress:
    """Tries that don't get on come to an end."""

    def __init__(self, go_on: Callable[[], None]) -> None:
        self._go_on = go_on
        self._end = 0.0
        self._tries = 0

    def moved(self) -> None:
        """What has come stays."""
        self._go_on()
        self._tries = 0

    def wait(self, error: StoreError) -> None:
        """Sleep before the next try, or raise *error* where there is none."""
        self._tries += 1
        if self._tries == 1:
            self._end = time.monotonic() + PATIENCE_SECONDS
        elif time.monotonic() >= self._end:
            raise error
        _sleep(self._tries, self._go_on)


def _sleep(tries: int, go_on: Callable[[], None]) -> None:
    longest = min(LONGEST_SLEEP_SECONDS, 0.2 * 2 ** min(tries, 10))
    end = time.monotonic() + random.uniform(longest / 4, longest)  # noqa: S311
    while (left := end - time.monotonic()) > 0:
        go_on()
        time.sleep(min(left, 0.2))
    go_on()


def _failure(error: urllib.error.HTTPError) -> StoreError:
    """What an answer means; its text may hold a URL and isn't told."""
    status = error.code
    code = error.headers.get("x-ms-error-code", "")
    told = f"storage answered {status} {error.reason}"
    if status == 412 or (status == 409 and code == "BlobAlreadyExists"):
        return _Exists(told)
    if status == 404:
        return _Missing(told)
    if status in (401, 403, 410):
        return Refused(f"{told}: the signed URL isn't valid, or no longer")
    if status == 413:
        return TooLarge(told)
    return StoreError(told) if status in _LATER else Rejected(told)


def _without_url(error: BaseException) -> str:
    reason: Any = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or str(reason)
