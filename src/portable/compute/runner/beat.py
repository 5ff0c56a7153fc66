"""What goes on beside the tasks: signs of life, the client's wish to cancel, and the log."""

from __future__ import annotations

import json
import threading
import time

from .failures import Refused, StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .loop import Loop
    from .manifest import Manifest
    from .record import Record
    from .segments import Segments
    from .store import Store

REFUSALS = 3  # in a row, of a sign of life: no signed URL is valid any longer
LONGEST_PAUSE_SECONDS = 15.0


class Heartbeat:
    """Tells storage that this attempt runs, and looks whether it still should."""

    def __init__(
        self,
        manifest: Manifest,
        store: Store,
        loop: Loop,
        record: Record,
        log: Segments,
        results: Segments,
    ) -> None:
        self._manifest = manifest
        self._store = store
        self._loop = loop
        self._record = record
        self._log = log
        self._results = results
        self._over = threading.Event()
        self._refused = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin; the first sign of life is given at once."""
        self._thread.start()

    def stop(self) -> None:
        """Give no more; one that is under way isn't waited for long."""
        self._over.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        interval = self._manifest.heartbeat
        # A look at a folder costs nothing.
        look = min(interval, self._manifest.flush) if self._store.is_local else interval
        beat = 0
        next_beat = time.monotonic()
        while not self._over.is_set():
            if time.monotonic() >= next_beat:
                beat += 1
                self._tell(beat)
                next_beat = time.monotonic() + interval
            self._look()
            self._over.wait(max(0.0, min(look, next_beat - time.monotonic())))

    def _tell(self, beat: int) -> None:
        state = {
            "beat": beat,
            "segments": {"log": self._log.used, "results": self._results.used},
            "done": dict(self._record.done),
            "seconds": round(self._loop.seconds, 3),
        }
        try:
            self._store.put("state", json.dumps(state).encode())
        except Refused as error:
            self._refused += 1
            if self._refused >= REFUSALS:
                self._loop.stop("lost", f"nothing can be stored any longer: {error}")
        except StoreError:
            pass  # the next one says more
        else:
            self._refused = 0

    def _look(self) -> None:
        try:
            if self._store.exists("cancel"):
                self._loop.stop("cancelled", "it was cancelled")
        except StoreError:
            pass  # it is looked for again


class Flushing:
    """Stores what is said, as soon as the interval and storage allow."""

    def __init__(self, segments: Segments, interval: float) -> None:
        self._segments = segments
        self._interval = interval
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self, seconds: float) -> None:
        """Store the rest, for so long; what isn't stored then is counted as left out."""
        end = time.monotonic() + seconds
        self._over.set()
        self._segments.wanted.set()
        self._thread.join(seconds)
        if self._thread.is_alive() or not self._settled(end):
            self._segments.give_up()
            return
        self._segments.end()
        if not self._settled(end):
            self._segments.give_up()

    def _run(self) -> None:
        failures = 0
        while not self._over.is_set():
            began = time.monotonic()
            try:
                self._segments.flush()
            except StoreError:
                failures += 1
            else:
                failures = 0
            # Not more than half of the time, even where a segment takes long.
            pause = max(self._interval, time.monotonic() - began)
            pause = max(pause, min(LONGEST_PAUSE_SECONDS, self._interval * 2**failures))
            if failures:
                self._over.wait(pause)
            else:
                self._segments.wanted.wait(pause)

    def _settled(self, end: float) -> bool:
        pause = 0.2
        while not self._segments.is_flushed():
            try:
                self._segments.flush()
            except Refused:
                return False
            except StoreError:
                if time.monotonic() + pause >= end:
                    return False
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        return True
