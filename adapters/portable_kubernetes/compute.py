"""Machines that are a Job with one pod, by the official client.

That is imported when the first request is sent.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from portable.compute.driver import Launch
from portable.compute.types import InstanceInfo
from portable.errors import AlreadyExists, InstanceNotFound, Unavailable, Unsupported
from portable_kubernetes.resource import TOKEN, resource
from portable_kubernetes.settings import DNS_LABEL, KubernetesSettings
from portable_kubernetes.shapes import (
    capabilities,
    described,
    is_finished,
    owned,
    selector,
    tags_of,
)

if TYPE_CHECKING:
    from portable_kubernetes.client import Cluster

# All versions write it, the newer ones batch.kubernetes.io/job-name, too.
JOB_NAME = "job-name"
SEEN = 10_000  # machines that are remembered
NO_POD = "involvedObject.kind=Job,reason=FailedCreate"


class KubernetesJobs:
    """`ComputeDriver` over the Jobs of one namespace."""

    def __init__(self, settings: KubernetesSettings) -> None:
        self.capabilities = capabilities(settings)
        self._settings = settings
        self._lock = threading.Lock()
        self._opened: Cluster | None = None
        self._seen: dict[str, InstanceInfo] = {}

    @property
    def native(self) -> Any:
        return self._cluster.api

    def launch(self, wanted: Launch) -> InstanceInfo:
        body = resource(wanted, self._settings)
        try:
            made = self._cluster.ask("batch", "create_namespaced_job", body=body)
        except AlreadyExists as error:
            return self._existing(wanted, error)
        return self._described(made, [], "")

    def get(self, id: str) -> InstanceInfo | None:
        try:
            job = self._job(id)
        except InstanceNotFound:
            # A cluster knows at once what it has made, so one that was there has been deleted.
            last = self._seen.get(id)
            return last and replace(last, state="terminated", raw_state="NotFound", bills=False)
        pods = self._cluster.each("core", "list_namespaced_pod", label_selector=f"{JOB_NAME}={id}")
        return next(self._told([job], list(pods)))

    def list(self, tags: Mapping[str, str]) -> Iterator[InstanceInfo]:
        chosen = selector(tags)
        jobs = self._cluster.each("batch", "list_namespaced_job", label_selector=chosen)
        found = [job for job in jobs if tags.items() <= tags_of(job).items()]
        if found:
            pods = self._cluster.each("core", "list_namespaced_pod", label_selector=chosen)
            yield from self._told(found, list(pods))

    def start(self, id: str) -> None:
        raise Unsupported("a Job isn't stopped and started")

    def stop(self, id: str) -> None:
        raise Unsupported("a Job isn't stopped: terminate it")

    def terminate(self, id: str) -> None:
        if not DNS_LABEL.fullmatch(id):
            return
        try:
            # It stays, as one that is being deleted, until its pod is gone.
            self._cluster.ask(
                "batch", "delete_namespaced_job", name=id, propagation_policy="Foreground"
            )
        except InstanceNotFound:
            return

    def close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    @property
    def _cluster(self) -> Cluster:
        with self._lock:
            if self._opened is None:
                from portable_kubernetes.client import Cluster

                self._opened = Cluster(self._settings)
            return self._opened

    def _job(self, id: str) -> Any:
        if not DNS_LABEL.fullmatch(id):
            raise InstanceNotFound(f"there is no machine {id!r}: an id here is a Job's name")
        return self._cluster.ask("batch", "read_namespaced_job", name=id)

    def _existing(self, wanted: Launch, error: AlreadyExists) -> InstanceInfo:
        """What an earlier try of the same launch has made."""
        try:
            job = self._job(wanted.name)
        except InstanceNotFound:
            raise Unavailable(f"a Job {wanted.name!r} was there, and is gone now") from error
        if (job.metadata.annotations or {}).get(TOKEN) != wanted.token:
            raise error
        return self.get(wanted.name) or self._described(job, [], "")

    def _told(self, jobs: Sequence[Any], pods: Sequence[Any]) -> Iterator[InstanceInfo]:
        by_name: defaultdict[str, Any] = defaultdict(list)
        for pod in sorted(pods, key=lambda each: each.metadata.creation_timestamp):
            by_name[pod.metadata.labels.get(JOB_NAME)].append(pod)
        own = {job.metadata.name: owned(job, by_name[job.metadata.name]) for job in jobs}
        lacking = [job for job in jobs if not own[job.metadata.name] and not is_finished(job)]
        refused = self._refused() if lacking else {}
        for job in jobs:
            words = refused.get(job.metadata.uid, "")
            yield self._described(job, own[job.metadata.name], words)

    def _described(self, job: Any, pods: Sequence[Any], refusal: str) -> InstanceInfo:
        info = described(job, pods, refusal, self._settings)
        with self._lock:
            self._seen.pop(info.id, None)
            self._seen[info.id] = info
            if len(self._seen) > SEEN:
                del self._seen[next(iter(self._seen))]
        return info

    def _refused(self) -> dict[str, str]:
        """Why Jobs have no pod, by their uid: a quota, or a policy, is told of in events alone."""
        events = self._cluster.each("core", "list_namespaced_event", field_selector=NO_POD)
        return {each.involved_object.uid: f"{each.reason}: {each.message}" for each in events}
