"""``job.pyz``: the runner, what it is to run and what goes along, as one zip application.

The same content gives the same bytes. The runner's modules are in it as source, and compiled for
this Python: another one compiles them anew, in some 50 ms.
"""

from __future__ import annotations

import io
import json
import marshal
import sys
import zipfile
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from importlib.util import MAGIC_NUMBER, find_spec, source_hash
from pathlib import Path
from typing import Any

from portable.errors import InvalidArgument, MissingDependency

SIZE_MAX = 256 * 1024 * 1024  # the machine has it in memory once
RUNNER = "portable_runner"
FUNCTION = "function.pkl"
ITEMS = "items.pkl"

_PACKAGE = Path(__file__).parent / "runner"
_MAIN = f"""\
import sys

if sys.version_info < (3, 9):
    sys.exit("portable: this Python is older than 3.9")
if __name__ == "__main__":
    from {RUNNER}.main import main

    sys.exit(main(__loader__, sys.argv[1:]))
"""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_FILE, _PROGRAM = 0o644, 0o755
_UNCHECKED_HASH = (0b01).to_bytes(4, "little")  # PEP 552: the source isn't looked at


def make_archive(
    manifest: Mapping[str, Any],
    *,
    files: Mapping[str, bytes] | None = None,
    executables: Collection[str] = (),
    function: bytes | None = None,
    items: Sequence[bytes] | None = None,
    written_by: Sequence[int] = sys.version_info[:2],
) -> bytes:
    """Return the archive; what it holds of *files* and a function is added to the manifest.

    Args:
        manifest: As docs/compute-contract.md has it, without ``files`` and ``function``.
        files: What goes along, by its path below the task's folder.
        executables: Those of *files* that may be run.
        function: A function by cloudpickle, in place of a command.
        items: One pickle for each of the manifest's tasks, in their order; `None` where the
            function is called without arguments.
        written_by: The Python that pickled them, which the machine's must be.

    Raises:
        InvalidArgument: it is larger than `SIZE_MAX`.
    """
    files = files or {}
    said = {**manifest, "files": sorted(files), "executables": sorted(executables)}
    parts: dict[str, bytes] = {}
    if function is not None:
        said["function"] = _function(items, written_by)
        parts[FUNCTION] = function
        if items is not None:
            parts[ITEMS] = b"".join(items)
    size = sum(map(len, files.values())) + sum(map(len, parts.values()))
    if size > SIZE_MAX:
        raise InvalidArgument(
            f"what goes along with the job has {size} bytes, more than {SIZE_MAX}: put it into "
            f"storage, and name it among the inputs"
        )
    archive = io.BytesIO(_runner(with_functions=function is not None))
    with zipfile.ZipFile(archive, "a") as zipped:
        _add(zipped, "manifest.json", json.dumps(said).encode())
        for name, data in parts.items():
            _add(zipped, name, data)
        for path in sorted(files):
            _add(zipped, f"files/{path}", files[path], _PROGRAM if path in executables else _FILE)
    return archive.getvalue()


def _function(items: Sequence[bytes] | None, written_by: Sequence[int]) -> dict[str, Any]:
    return {
        "pickle": FUNCTION,
        "items": None if items is None else ITEMS,
        "sizes": None if items is None else [len(each) for each in items],
        "python": list(written_by),
    }


@lru_cache
def _runner(*, with_functions: bool) -> bytes:
    """The part that is the same for all jobs."""
    sources = {f"{RUNNER}/{file.name}": file for file in _PACKAGE.glob("*.py")}
    if with_functions:
        sources.update(_cloudpickle())
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        _add(zipped, "__main__.py", _MAIN.encode())
        for name, file in sorted(sources.items()):
            source = file.read_bytes()
            _add(zipped, name, source)
            _add(zipped, f"{name}c", _compiled(source, name))
    return archive.getvalue()


def _cloudpickle() -> dict[str, Path]:
    found = find_spec("cloudpickle")
    if found is None or not found.origin:
        raise MissingDependency("functions need 'cloudpickle': pip install cloudpickle")
    folder = Path(found.origin).parent
    return {f"cloudpickle/{file.name}": file for file in folder.glob("*.py")}


def _compiled(source: bytes, name: str) -> bytes:
    code = compile(source, name, "exec", dont_inherit=True)
    # Version 2 of the format has no references, which depend on what else is in memory.
    return MAGIC_NUMBER + _UNCHECKED_HASH + source_hash(source) + marshal.dumps(code, 2)


def _add(zipped: zipfile.ZipFile, name: str, data: bytes, mode: int = _FILE) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = mode << 16
    entry.create_system = 3  # where permissions mean something
    entry.compress_type = zipfile.ZIP_DEFLATED
    zipped.writestr(entry, data, compresslevel=1)
