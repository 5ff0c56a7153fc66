"""The cluster: what its controllers, scheduler and nodes make of Jobs."""

from __future__ import annotations

import itertools
import shlex
import threading
from collections.abc import Mapping
from typing import Any

from portable.testing.fakes.kubernetes.objects import KILLED, Job, Pod, Words
from portable.testing.fakes.kubernetes.rules import check, expanded
from portable.testing.fakes.kubernetes.wording import moment, not_found, refused
from portable.testing.fakes.machines import MachineHost
from portable.testing.fakes.timeline import Timeline

START_SECONDS = 0.02  # from a Job to its pod
BACKOFF = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")
# Process 1's end is the pod's, whatever else it has started.
RUNS = '#!/bin/sh\n{command}\necho $? > "$HOME/exit-code"\npoweroff\n'


class State:
    """Everything there is.

    Attributes:
        grace: Seconds from asking a pod to end to its end; Kubernetes' are 30.
        quota: Why no pods are made; empty where they are.
        unschedulable: Why pods find no node; empty where they do.
        ever: Every pod so far, deleted ones too.
    """

    def __init__(self, host: MachineHost, timeline: Timeline) -> None:
        self.grace = 0.5
        self.quota = ""
        self.unschedulable = ""
        self.lock = threading.RLock()
        self.namespaces = {"default"}
        self.jobs: dict[tuple[str, str], Job] = {}
        self.pods: dict[str, Pod] = {}
        self.ever: list[Pod] = []
        self.events: list[dict[str, Any]] = []
        self._host = host
        self._timeline = timeline
        self._number = itertools.count(1)

    def within(self, namespace: str) -> str:
        """A namespace that there is."""
        if namespace not in self.namespaces:
            raise not_found("namespaces", namespace)
        return namespace

    def job(self, namespace: str, name: str) -> Job:
        """One that there is."""
        with self.lock:
            if (namespace, name) not in self.jobs:
                raise not_found("jobs", name, "batch")
            return self.jobs[namespace, name]

    def pods_of(self, job: Job) -> list[Pod]:
        """Those that there are."""
        with self.lock:
            return [pod for pod in self.pods.values() if pod.job is job]

    def create(self, namespace: str, asked: Mapping[str, Any], size: int) -> Job:
        """Make a Job; its pod comes a little later."""
        with self.lock:
            self.within(namespace)
            check(asked, size)
            made = Job(namespace, asked, self._timeline.now())
            if (namespace, made.name) in self.jobs:
                is_deleted = self.jobs[namespace, made.name].is_deleted
                words = f'jobs.batch "{made.name}" already exists'
                words = f"object is being deleted: {words}" if is_deleted else words
                raise refused(409, "AlreadyExists", words, name=made.name, kind="jobs")
            self.jobs[namespace, made.name] = made
        self._timeline.after(START_SECONDS, lambda: self._make_pod(made))
        if "activeDeadlineSeconds" in made.spec:
            limit = float(made.spec["activeDeadlineSeconds"])
            self._timeline.after(limit, lambda: self._fail(made, DEADLINE))
        return made

    def delete(self, job: Job, policy: str) -> None:
        """End a Job; with the policy Foreground it stays until its pods are gone."""
        with self.lock:
            job.is_deleted = True
            if policy != "Foreground":
                self.jobs.pop((job.namespace, job.name), None)
            for pod in self.pods_of(job):
                self.delete_pod(pod, self.grace)
        self._sync(job)

    def delete_pod(self, pod: Pod, grace: float) -> None:
        """Ask a pod to end; it is removed once it has."""
        with self.lock:
            pod.is_deleted = True
            if pod.real is None or pod.is_over:
                self.pods.pop(pod.name, None)
        if pod.real is not None:
            pod.real.shut_down(grace)
        self._sync(pod.job)

    def kill(self, pod: Pod, why: Words | None) -> None:
        """End a pod at once."""
        pod.why = why
        if pod.real is not None:
            pod.real.kill()

    def make_pods(self) -> None:
        """Try again to make, and to place, what couldn't be."""
        with self.lock:
            jobs = list(self.jobs.values())
        for job in jobs:
            self._make_pod(job)

    def _make_pod(self, job: Job) -> None:
        with self.lock:
            if job.is_deleted or job.failing or job.end:
                return
            pods = self.pods_of(job)
            if not pods and self.quota:
                self._tell(job, "FailedCreate", f"Error creating: {self.quota}")
                return
            if not pods:
                name = f"{job.name[:57]}-{next(self._number):05d}"
                pods = [Pod(job, name, self._timeline.now())]
                self.pods[name] = pods[0]
                self.ever.append(pods[0])
            self._place(pods[0])

    def _place(self, pod: Pod) -> None:
        if pod.real is not None:
            return
        if self.unschedulable:
            pod.waits = ("Unschedulable", self.unschedulable)
            return
        (container,) = pod.spec["containers"]
        words = [*container.get("command", ()), *container.get("args", ())]
        command = shlex.join(expanded(each, {}) for each in words)
        pod.waits = None
        pod.real = self._host.start(RUNS.format(command=command))
        pod.phase = "Running"
        threading.Thread(target=self._wait_over, args=(pod,), daemon=True).start()

    def _wait_over(self, pod: Pod) -> None:
        assert pod.real is not None
        while not pod.real.wait_off(60):
            pass
        with self.lock:
            try:
                pod.exit_code = int((pod.real.folder / "exit-code").read_text())
            except (FileNotFoundError, ValueError):  # it was killed, or the folder is gone
                pod.exit_code = KILLED
            pod.phase = "Failed" if pod.exit_code or pod.why else "Succeeded"
            if pod.is_deleted:
                self.pods.pop(pod.name, None)
                if pod.exit_code and not pod.job.end:
                    pod.job.failing = pod.job.failing or BACKOFF
        self._sync(pod.job)

    def _fail(self, job: Job, why: Words) -> None:
        with self.lock:
            if job.end or job.is_deleted:
                return
            job.failing = why
            for pod in self.pods_of(job):
                self.delete_pod(pod, self.grace)
        self._sync(job)

    def _sync(self, job: Job) -> None:
        """Let a Job follow its pods."""
        with self.lock:
            pods = self.pods_of(job)
            if job.is_deleted:
                if not pods and self.jobs.get((job.namespace, job.name)) is job:
                    del self.jobs[job.namespace, job.name]
                return
            if any(pod.phase == "Failed" or pod.is_deleted for pod in pods):
                job.failing = job.failing or BACKOFF
            if job.end or any(not pod.is_over for pod in pods):
                return
            if job.failing or any(pod.phase == "Succeeded" for pod in pods):
                self._finish(job)

    def _finish(self, job: Job) -> None:
        job.end = "Failed" if job.failing else "Complete"
        job.ended = self._timeline.now()
        if "ttlSecondsAfterFinished" in job.spec:
            keeps = float(job.spec["ttlSecondsAfterFinished"])
            self._timeline.after(keeps, lambda: self.delete(job, "Foreground"))

    def _tell(self, job: Job, reason: str, words: str) -> None:
        number = next(self._number)
        about = {"kind": "Job", "name": job.name, "namespace": job.namespace, "uid": job.uid}
        self.events.append(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": f"{job.name}.{number}", "namespace": job.namespace},
                "involvedObject": about,
                "type": "Warning",
                "reason": reason,
                "message": words,
                "lastTimestamp": moment(self._timeline.now()),
            }
        )
