"""Serve moto with the checks on ``127.0.0.1:PORT``: ``python -m checking PORT``."""

from __future__ import annotations

import signal
import sys
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple

from .application import Checked
from .turns import take_turns


class QuietHandler(MotoRequestHandler):
    """Logs errors only: a line for each request would bury them."""

    def log_request(self, *_: Any) -> None:
        pass


def main(port: int) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    take_turns()
    application = Checked(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", port, application, threaded=True, request_handler=QuietHandler)


if __name__ == "__main__":
    main(int(sys.argv[1]))
