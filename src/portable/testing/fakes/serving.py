"""What every fake that speaks HTTP is: a server on a port of this machine."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from portable.testing.fakes.wire import Answer, Request, Server


class HttpFake(ABC):
    """A server on a port of 127.0.0.1, a thread a connection. A context manager.

    Attributes:
        endpoint: ``http://127.0.0.1:PORT``.
    """

    def __init__(self, port: int = 0) -> None:
        """Listen; requests are answered from `start` on.

        Args:
            port: Any free one unless given.
        """
        self._server = Server(port, self._answer)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread: threading.Thread | None = None

    @abstractmethod
    def _answer(self, request: Request) -> Answer:
        """Answer a request; an `OSError` cuts its connection."""

    def start(self) -> None:
        """Answer, in a thread of its own."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name=type(self).__name__, daemon=True
        )
        self._thread.start()

    def serve(self) -> None:
        """Answer until the process ends."""
        self._server.serve_forever()

    def stop(self) -> None:
        """End every connection and close the port."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.drop_connections()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
