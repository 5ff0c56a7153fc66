"""The content type that a key's ending tells, the same on every machine."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mimetypes import MimeTypes

DEFAULT = "application/octet-stream"
_MORE = {
    ".avro": "application/vnd.apache.avro",
    ".jsonl": "application/x-ndjson",
    ".md": "text/markdown",
    ".ndjson": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".toml": "application/toml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_PACKED = {
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}


def guess(key: str) -> str:
    """The content type for *key*; a packed file is what it is packed as: bytes stay as stored."""
    name = key.rpartition("/")[2]
    dot = name.find(".", 1)
    if dot < 0:
        return DEFAULT
    return _of_name(name if name[0] == "." else f"x{name[dot:]}")


@lru_cache(maxsize=1024)
def _of_name(name: str) -> str:
    kind, packed = _types().guess_type("file:///" + name)
    if packed is not None:
        return _PACKED.get(packed, DEFAULT)
    return kind or DEFAULT


@cache
def _types() -> MimeTypes:
    from mimetypes import MimeTypes  # 10 ms to import; reads none of the machine's own lists

    types = MimeTypes()
    for ending, kind in _MORE.items():
        types.add_type(kind, ending)
    return types
