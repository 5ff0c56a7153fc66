"""What goes along with a job, as one archive: for any client that starts an attempt."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from portable.compute.functions import Pickled
from portable.compute.sending import Sent
from portable.errors import IntegrityError

_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An object that a task gets as a file."""

    path: str
    key: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Everything that only the submitting client has."""

    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    inputs: tuple[Input, ...] = ()
    sent: Sent = field(default_factory=Sent)
    call: Pickled | None = None

    def packed(self) -> bytes:
        """As one archive."""
        call = self.call
        said = {
            "env": dict(self.env),
            "inputs": [[each.path, each.key, each.size] for each in self.inputs],
            "executables": sorted(self.sent.executables),
            "items": None
            if call is None or call.items is None
            else [len(each) for each in call.items],
        }
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as zipped:
            _add(zipped, "work.json", json.dumps(said).encode())
            for name, data in self.sent.files.items():
                _add(zipped, f"files/{name}", data)
            if call is not None:
                _add(zipped, "function.pkl", call.function)
                _add(zipped, "items.pkl", b"".join(call.items or ()))
        return body.getvalue()

    @classmethod
    def unpacked(cls, data: bytes) -> Work:
        """Read it again; nothing is unpickled.

        Raises:
            IntegrityError: it isn't what `packed` made.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as zipped:
                return _read(zipped)
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            raise IntegrityError(f"what goes along with the job can't be read: {error}") from error

    def digests(self) -> dict[str, str]:
        """What tells it from other work, but for the values of its variables."""
        found = {}
        if self.sent.files:
            digest = hashlib.sha256()
            for name in sorted(self.sent.files):
                digest.update(f"{name} {name in self.sent.executables}\n".encode())
                digest.update(hashlib.sha256(self.sent.files[name]).digest())
            found["files"] = digest.hexdigest()
        if self.call is not None:
            digest = hashlib.sha256(hashlib.sha256(self.call.function).digest())
            for item in self.call.items or ():
                digest.update(hashlib.sha256(item).digest())
            found["function"] = digest.hexdigest()
        return found


def _read(zipped: zipfile.ZipFile) -> Work:
    said = json.loads(zipped.read("work.json"))
    names = [name for name in zipped.namelist() if name.startswith("files/")]
    sent = Sent(
        {name.removeprefix("files/"): zipped.read(name) for name in names},
        set(said["executables"]),
    )
    call = None
    if "function.pkl" in zipped.namelist():
        items = None
        if said["items"] is not None:
            whole, at, items = zipped.read("items.pkl"), 0, []
            for size in said["items"]:
                items.append(whole[at : at + size])
                at += size
        call = Pickled(zipped.read("function.pkl"), None if items is None else tuple(items))
    return Work(
        env=said["env"],
        inputs=tuple(Input(path=path, key=key, size=size) for path, key, size in said["inputs"]),
        sent=sent,
        call=call,
    )


def _add(zipped: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    zipped.writestr(entry, data, compresslevel=1)
