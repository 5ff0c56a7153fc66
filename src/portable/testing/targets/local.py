"""The local provider: a folder, looked at as files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from portable.storage import Bucket
from portable.storage.active import bucket_from
from portable.testing.harness import Harness, Oracle
from portable_local import ADAPTER
from portable_local.settings import LocalSettings

INTERNAL = "%portable"
_UNSAFE = re.compile(r'[\x00-\x1f\x7f%<>:"|?*\\]|[. ]$')


class LocalOracle(Oracle):
    """The files, by what the manual says of their names."""

    describes = False

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, key: str) -> bytes:
        return self._path(key).read_bytes()

    def write(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        path = self.root.joinpath(*map(_escaped, key.split("/")))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def keys(self) -> set[str]:
        return set(self._files())

    def metadata(self, key: str) -> Mapping[str, str]:
        path = self._path(key)
        try:
            value = os.getxattr(path, "user.portable")
        except OSError:
            value = b"+"
        if value == b"+":
            inode = path.stat().st_ino
            folder = self.root / INTERNAL / "attributes" / f"{inode & 0xFF:02x}"
            value = (folder / f"{inode:x}").read_bytes()
        fields: dict[str, Any] = json.loads(value)
        return {str(name): str(text) for name, text in fields["metadata"].items()}

    def open_uploads(self) -> int:
        staging = self.root / INTERNAL / "staging"
        return len(list(staging.iterdir())) if staging.exists() else 0

    def damage(self, key: str) -> bool:
        path = self._path(key)
        status = path.stat()
        with path.open("r+b") as file:
            last = file.seek(-1, os.SEEK_END)
            byte = file.read(1)[0]
            file.seek(last)
            file.write(bytes([byte ^ 1]))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        return True

    def _path(self, key: str) -> Path:
        return self._files()[key]

    def _files(self) -> dict[str, Path]:
        return dict(self._walk())

    def _walk(self) -> Iterator[tuple[str, Path]]:
        for folder, folders, files in os.walk(self.root):
            if Path(folder) == self.root and INTERNAL in folders:
                folders.remove(INTERNAL)
            for name in files:
                path = Path(folder, name)
                joined = path.relative_to(self.root).as_posix().replace("%+/", "")
                yield unquote(joined, errors="strict"), path


def _escaped(segment: str) -> str:
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", segment)


def open_local_bucket(root: Path, prefix: str = "", **settings: Any) -> Bucket:
    """A folder as a bucket."""
    return bucket_from(ADAPTER, LocalSettings(path=str(root), prefix=prefix, **settings))


def local_harness(
    folder: Path,
    *,
    attributes: Literal["auto", "records"] = "auto",
    naming: Literal["auto", "named"] = "auto",
    durability: Literal["full", "fast"] = "full",
) -> Harness:
    """A bucket in *folder*, with its attributes and unfinished files kept in one of two ways."""

    def open_at(name: str, prefix: str) -> Bucket:
        from portable_local.storage import LocalStorage

        settings = LocalSettings(path=str(folder / name), prefix=prefix, durability=durability)
        connect = partial(LocalStorage, settings, attributes=attributes, naming=naming)
        return Bucket(connect, settings, provider="local")

    return Harness(
        open_bucket=lambda prefix: open_at("bucket", prefix),
        oracle=LocalOracle(folder / "bucket"),
        other_bucket=lambda: open_at("other", ""),
        sdk_errors=(OSError,),
        holds=lambda key: "" not in key.split("/"),
        examples=20,
    )
