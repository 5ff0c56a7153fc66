"""Where the zip application begins: as the runner, or as a worker of one."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .manifest import Archive


def main(archive: Archive, arguments: list[str]) -> int:
    """Run what the archive is for."""
    if arguments:
        from .worker import work

        _, answers, shared = arguments
        work(archive, int(answers), shared)
        return 0
    from .attempt import Attempt
    from .manifest import read_manifest
    from .store import open_store

    scratch = os.environ.pop("PORTABLE_SCRATCH", None)
    manifest = read_manifest(archive)
    try:
        return Attempt(manifest, archive, open_store(manifest.store)).run()
    finally:
        if scratch:
            import shutil

            shutil.rmtree(scratch, ignore_errors=True)
