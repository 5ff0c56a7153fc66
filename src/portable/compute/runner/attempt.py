"""One attempt at a shard, from ``started.json`` to ``exit.json``."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback

from .beat import Flushing, Heartbeat
from .commands import Commands
from .failures import Stopped, StoreError, Unfit
from .folders import Folders
from .loop import Loop
from .manifest import python_version
from .outputs import Outputs
from .processes import adopt_orphans, end_children, reap_strangers
from .record import Record
from .segments import Segments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .calls import Calls
    from .manifest import Archive, Manifest
    from .store import Store

START_PATIENCE_SECONDS = 120.0
END_PATIENCE_SECONDS = 300.0
PREEMPTED_PATIENCE_SECONDS = 15.0  # a spot machine is there for 30 seconds after the notice
WITH_OUTPUTS = frozenset(("exit", "timeout"))
DETAILS = 3  # that are told of outputs

DONE, RUN_TWICE, GIVEN_UP, NO_STORAGE = 0, 3, 4, 5  # what the process exits with


class Attempt:
    """Runs what the manifest says; call `run` once."""

    def __init__(self, manifest: Manifest, archive: Archive, store: Store) -> None:
        self._manifest = manifest
        self._archive = archive
        self._store = store
        self._loop = Loop(manifest.timeout)
        self._record = Record(manifest.tasks)
        self._log = Segments(store, "log", lossy=True)
        self._results = Segments(store, "results", lossy=False)
        self._has_begun = False
        self._flushing = [Flushing(self._log, manifest.flush)]
        if manifest.function:
            self._flushing.append(Flushing(self._results, manifest.flush))
        self._heartbeat = Heartbeat(
            manifest, store, self._loop, self._record, self._log, self._results
        )

    def run(self) -> int:
        """Run it, and return what the process is to exit with."""
        self._loop.listen()
        told = {"runner": os.urandom(8).hex(), "python": python_version()}
        try:
            if not self._store.create("started", json.dumps(told).encode(), START_PATIENCE_SECONDS):
                return _say("another runner has begun this attempt", RUN_TWICE)
        except StoreError as error:
            return _say(f"storage doesn't take the start: {error}", NO_STORAGE)
        watchdog = threading.Timer(self._manifest.timeout + 3600, _give_up)
        watchdog.daemon = True
        watchdog.start()
        folders = Folders(os.path.abspath(f"work-{os.getpid()}"), self._manifest)
        outputs = Outputs(self._manifest, folders, self._store, self._record)
        try:
            self._try(folders, outputs)
            return self._finish()
        finally:
            end_children()
            folders.close()

    def _try(self, folders: Folders, outputs: Outputs) -> None:
        try:
            self._work(folders, outputs)
            outputs.finish(self._wait)
        except Exception as error:  # noqa: BLE001 - whatever it is, such as a full disk, is told
            traceback.print_exc()
            self._loop.stop("lost", f"the runner failed: {type(error).__name__}: {error}")
            self._begin()  # what has begun has an end

    def _work(self, folders: Folders, outputs: Outputs) -> None:
        def ended(index: int, exit_code: int | None, reason: str, seconds: float) -> None:
            self._record.ended(index, exit_code, reason, seconds)
            if reason in WITH_OUTPUTS:
                outputs.add(index, succeeded=exit_code == 0)
            else:
                folders.remove(index)

        try:
            self._prepare(folders)
        except Unfit as error:
            self._loop.stop(error.reason, error.detail)
        except Stopped:
            pass
        adopt_orphans()  # before there can be any
        if self._manifest.setup and self._loop.reason is None:
            self._set_up(folders)
        crew = self._crew(folders, ended)
        if self._loop.reason is None:
            crew.fill()  # first of all: what follows takes some milliseconds
        self._begin()
        self._conduct(crew)

    def _begin(self) -> None:
        if self._has_begun:
            return
        self._has_begun = True
        self._heartbeat.start()
        for flushing in self._flushing:
            flushing.start()
        if self._manifest.notice:
            from .notice import Notice

            Notice(self._manifest.notice, self._loop).start()

    def _prepare(self, folders: Folders) -> None:
        function = self._manifest.function
        if function and function["python"] != python_version():
            raise Unfit("refused", _other_python(function["python"]))
        folders.unpack(self._archive)
        if self._manifest.inputs:
            self._begin()
            self._fetch(folders)
        folders.share()

    def _set_up(self, folders: Folders) -> None:
        """Run what makes the machine ready; where it fails, no task begins."""

        def ended(_index: int, exit_code: int | None, _reason: str, _seconds: float) -> None:
            if exit_code and self._loop.reason is None:
                self._loop.stop("no start", f"'setup' ended with exit code {exit_code}")

        crew = Commands(
            self._manifest.preparing(), folders.beside_files, self._log, self._loop, ended
        )
        self._begin()
        crew.fill()
        self._conduct(crew)

    def _fetch(self, folders: Folders) -> None:
        """In another thread: it may take hours, in which the job may be cancelled."""
        failures: list[BaseException] = []

        def fetch() -> None:
            try:
                folders.fetch(self._store, self._go_on)
            except BaseException as error:  # noqa: BLE001 - it is raised in the main thread
                failures.append(error)

        self._wait(threading.Thread(target=fetch, daemon=True), start=True)
        if failures:
            raise failures[0]

    def _go_on(self) -> None:
        if self._loop.reason is not None:
            raise Stopped

    def _wait(self, thread: threading.Thread, *, start: bool = False) -> None:
        if start:
            thread.start()
        while thread.is_alive():
            self._loop.turn((), 0.0)
            thread.join(0.01)

    def _crew(self, folders: Folders, ended: Any) -> Commands | Calls:
        if not self._manifest.function:
            return Commands(self._manifest, folders, self._log, self._loop, ended)
        from .calls import Calls

        return Calls(
            self._manifest,
            folders,
            os.path.abspath(self._archive.archive),
            self._log,
            self._results,
            self._loop,
            ended,
        )

    def _conduct(self, crew: Commands | Calls) -> None:
        sinks = (self._log, self._results)
        grace = self._manifest.grace
        kill_at: float | None = None
        while True:
            if self._loop.reason is None:
                crew.fill()
            if not crew.is_busy:
                return
            wait = 60.0
            if self._loop.reason is not None or crew.is_done:
                if kill_at is None:
                    kill_at = time.monotonic() + grace
                    if self._loop.reason is not None:
                        crew.signal(signal.SIGTERM)
                wait = kill_at - time.monotonic()
                if wait <= 0:
                    crew.signal(signal.SIGKILL)
                    wait = 1.0
            self._loop.turn(sinks, wait)
            crew.reap()
            reap_strangers(crew.processes)

    def _finish(self) -> int:
        end_children()
        reason, detail = self._loop.reason, self._loop.detail
        patience = PREEMPTED_PATIENCE_SECONDS if reason == "preempted" else END_PATIENCE_SECONDS
        for flushing in self._flushing:
            flushing.finish(patience)
        self._heartbeat.stop()
        try:
            if not self._store.create(
                "exit", json.dumps(self._exit(reason, detail)).encode(), patience
            ):
                return _say("the attempt was given up meanwhile", GIVEN_UP)
        except StoreError as error:
            return _say(f"storage doesn't take the end: {error}", NO_STORAGE)
        return DONE

    def _exit(self, reason: str | None, detail: str) -> dict[str, Any]:
        tasks = self._record.tasks(reason)
        spoiled = next((each["reason"] for each in tasks if each["reason"] != "exit"), "exit")
        details = [detail, *self._record.details[:DETAILS]]
        return {
            "reason": reason or spoiled,
            "detail": "; ".join(text for text in details if text),
            "seconds": round(self._loop.seconds, 3),
            "segments": {"log": self._log.used, "results": self._results.used},
            "log_bytes": self._log.bytes,
            "log_dropped": self._log.dropped,
            "tasks": tasks,
            "outputs": sorted(self._record.outputs, key=lambda each: str(each["slot"])),
        }


def _other_python(wanted: list[int]) -> str:
    has, needs = (".".join(map(str, each)) for each in (python_version(), wanted))
    return (
        f"the function was packed by Python {needs} and the machine has {has}: choose an image "
        f"with Python {needs}, submit from Python {has}, or submit a command"
    )


def _say(text: str, code: int) -> int:
    print(f"portable: {text}", file=sys.stderr, flush=True)
    return code


def _give_up() -> None:
    """The last resort, where the main thread hangs."""
    end_children()
    os._exit(NO_STORAGE)
