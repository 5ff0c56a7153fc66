"""`RayCompute`: a machine is a job of Ray's Jobs API, with all that it starts."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from portable.compute.driver import Calls, ComputeCapabilities, Launch
from portable.compute.types import InstanceInfo
from portable.errors import AlreadyExists, InstanceNotFound, Unavailable, Unsupported
from portable_ray.client import JOBS, JobsApi
from portable_ray.entrypoint import BOOT_MAX, entrypoint
from portable_ray.settings import RaySettings
from portable_ray.shapes import NAME, machine_of, resources
from portable_ray.tasks import Tasks


class RayCompute:
    """Jobs of one cluster; the submission id is the machine's id: its name, and the token's beginning."""

    def __init__(self, settings: RaySettings) -> None:
        """Take the settings; nothing is sent."""
        self._api = JobsApi(settings)
        self._tasks = Tasks(settings.client) if settings.client is not None else None
        self._asked_to_end: set[str] = set()
        self._lock = threading.Lock()
        self.capabilities = ComputeCapabilities(
            ends="script",
            idempotent=True,
            boot_max=BOOT_MAX,
            tags_max=100,
            python=sys.executable if settings.shared_files else "python3",
            files=settings.shared_files,
            maps=self._tasks is not None,
        )
        self._python = settings.python or self.capabilities.python

    @property
    def native(self) -> JobsApi:
        """What speaks to the Jobs API."""
        return self._api

    def launch(self, wanted: Launch) -> InstanceInfo:
        """Submit a job; where there is one of this name and token, tell of that."""
        id = f"{wanted.name}-{wanted.token[:8]}"  # Ray keeps what has ended, and takes no id twice
        asked = {f"entrypoint_{name}": amount for name, amount in resources(wanted.needs).items()}
        job = {
            "entrypoint": entrypoint(wanted.boot, self._python),
            "submission_id": id,
            "metadata": {**wanted.tags, NAME: wanted.name},
            "runtime_env": {},
            **asked,
        }
        with contextlib.suppress(AlreadyExists):
            self._api.ask("POST", JOBS, job)
        found = self.get(id)
        if found is None:
            raise Unavailable(f"the job {id!r} was taken, and isn't known", ambiguous=True)
        return found

    def get(self, id: str) -> InstanceInfo | None:
        """Describe one; `None` where the cluster doesn't know it."""
        try:
            return self._told(self._api.ask("GET", JOBS + quote(id, safe="")))
        except InstanceNotFound:
            return None

    def list(self, tags: Mapping[str, str]) -> Iterator[InstanceInfo]:
        """Every job with these tags that the cluster still knows."""
        for said in self._api.ask("GET", JOBS):
            its = said.get("metadata") or {}
            if said.get("type") == "SUBMISSION" and tags.items() <= its.items():
                yield self._told(said)

    def start(self, id: str) -> None:
        """Never called: `capabilities.stops` is False."""
        raise Unsupported("jobs of Ray can't be stopped and started")

    def stop(self, id: str) -> None:
        """Never called: `capabilities.stops` is False."""
        raise Unsupported("jobs of Ray can't be stopped and started")

    def terminate(self, id: str) -> None:
        """Stop the job; Ray does it within some 3 seconds."""
        try:
            answer = self._api.ask("POST", f"{JOBS}{quote(id, safe='')}/stop")
        except InstanceNotFound:
            return
        if answer.get("stopped"):
            with self._lock:
                self._asked_to_end.add(id)
            return
        found = self.get(id)
        if found is not None and found.state in ("pending", "running"):
            raise Unavailable(f"the job {id!r} isn't up yet, and can't be stopped now")

    def map(self, calls: Calls) -> Iterator[bytes]:
        """Call a function by Ray's tasks. Called only where `capabilities.maps`."""
        if self._tasks is None:
            raise Unsupported("tasks of this cluster can't be reached; set 'tasks'")
        return self._tasks.map(calls)

    def close(self) -> None:
        """Drop connections; jobs go on."""
        self._api.close()
        if self._tasks is not None:
            self._tasks.close()

    def _told(self, said: Mapping[str, Any]) -> InstanceInfo:
        with self._lock:
            asked = said.get("submission_id") in self._asked_to_end
        found = machine_of(said, asked_to_end=asked)
        if asked and found.state == "terminated":
            with self._lock:
                self._asked_to_end.discard(found.id)
        return found
