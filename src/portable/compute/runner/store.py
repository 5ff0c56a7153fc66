"""Where an attempt's objects go: signed URLs, or a folder."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Store(Protocol):
        """An attempt's objects by the contract's names. Safe to use from many threads.

        Methods raise `StoreError` where it may work later, and its subclasses where it won't.
        """

        is_local: bool

        def put(self, name: str, data: bytes | bytearray) -> None:
            """Store or replace an object; one try."""

        def create(self, name: str, data: bytes, patience: float) -> bool:
            """Store an object unless there is one: then False. Tries for *patience* seconds."""

        def exists(self, name: str) -> bool:
            """Is an object there that the client writes?"""

        def slots(self) -> int | None:
            """How many outputs can be stored; `None` for any number."""

        def put_file(self, name: str, path: str, size: int, go_on: Callable[[], None]) -> int:
            """Store a file of so many bytes and return its CRC-32; tries again by itself.

            *go_on* is called now and then, and raises where it is to be given up.
            """

        def fetch(self, wanted: dict[str, Any], target: str, go_on: Callable[[], None]) -> None:
            """Write an input to the file *target*; tries again by itself."""


def open_store(said: dict[str, Any]) -> Store:
    """The manifest's ``store``."""
    if "folder" in said:
        from .folder import FolderStore

        return FolderStore(said["folder"])
    from .signed import SignedStore  # urllib takes 30 ms to import

    return SignedStore(said["signed"])
