"""A process that loads a function once, and calls it with one item after another.

It is told ``INDEX FOLDER`` by lines of its standard input, and answers in a pipe of its own. What
it answers is JSON or bytes; nothing that comes back from a machine is ever unpickled.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import traceback

from .answers import answer, cannot_load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .manifest import Archive


def work(archive: Archive, answers: int, shared: str) -> None:
    """Answer until there are no more lines."""
    sys.path.insert(0, shared)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.set_inheritable(answers, False)
    tasks = os.fdopen(os.dup(0), "rb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)  # the function's own standard input is empty
    with os.fdopen(answers, "wb") as out:
        try:
            call = _Call(archive)
        except BaseException as error:  # noqa: BLE001 - it is told, and the process ends
            traceback.print_exc()
            _answer(out, -1, 1, cannot_load(error).encode())
            raise SystemExit(1) from None
        _answer(out, -1, 0, b"")  # it is loaded
        for line in tasks:
            index, _, folder = line.rstrip(b"\n").partition(b" ")
            os.chdir(folder)
            os.environ["PORTABLE_TASK_INDEX"] = index.decode()
            code, said = call(int(index))
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            _answer(out, int(index), code, json.dumps(said, allow_nan=False).encode())


class _Call:
    """The function, and where each item's pickle is."""

    def __init__(self, archive: Archive) -> None:
        manifest = json.loads(archive.get_data("manifest.json"))
        said = manifest["function"]
        self._function: Callable[..., Any] = pickle.loads(archive.get_data(said["pickle"]))  # noqa: S301
        self._items = b""
        self._at: dict[int, tuple[int, int]] = {}
        if said.get("items"):
            self._items = archive.get_data(said["items"])
            begin = 0
            for index, size in zip(manifest["tasks"], said["sizes"]):
                self._at[index] = (begin, begin + size)
                begin += size

    def __call__(self, index: int) -> tuple[int, dict[str, Any]]:
        """The exit code, and the line of results."""
        if not self._items:
            return answer(index, self._function, None)
        begin, end = self._at[index]
        return answer(index, self._function, self._items[begin:end])


def _answer(out: Any, index: int, code: int, line: bytes) -> None:
    out.write(b"%d %d %d\n" % (index, code, len(line)) + line)
    out.flush()
