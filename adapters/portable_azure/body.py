"""An object's body on its way here."""

from __future__ import annotations

from portable.storage.driver import StoredObject
from portable_azure.errors import translated
from portable_azure.transport import Answer


class AzureRead:
    """An open answer. It gives what has come, so that a drip can't hold a call."""

    def __init__(self, info: StoredObject, answer: Answer | None) -> None:
        self.info = info
        self._raw = answer.raw if answer is not None else None

    def read(self, size: int, /) -> bytes:
        if self._raw is None:
            return b""
        with translated():
            return self._raw.read1(size)

    def close(self) -> None:
        if self._raw is None:
            return
        if self._raw.length_remaining == 0:
            self._raw.release_conn()
        else:
            self._raw.close()
