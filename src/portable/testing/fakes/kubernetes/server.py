"""The server: its routes, and what tests can ask of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from portable.testing.fakes.kubernetes.objects import Job, Pod
from portable.testing.fakes.kubernetes.rules import fielded, labelled
from portable.testing.fakes.kubernetes.state import State
from portable.testing.fakes.kubernetes.wording import not_found, refused, status
from portable.testing.fakes.machines import FakeMachine, MachineHost
from portable.testing.fakes.rest import Call, Reply, RestFake
from portable.testing.fakes.timeline import Timeline
from portable.testing.fakes.wire import Answer, Request

JOBS = "/apis/batch/v1/namespaces/{namespace}/jobs"
CORE = "/api/v1/namespaces/{namespace}"
PAGE = 500


class FakeKubernetes(RestFake):
    """One cluster's API server on a port of 127.0.0.1. A context manager.

    Attributes:
        host: Where its pods run.
    """

    def __init__(self, port: int = 0, *, page: int = PAGE) -> None:
        """Listen; requests are answered from `start` on.

        Args:
            port: Any free one unless given.
            page: How many things one answer lists at most.
        """
        super().__init__(port)
        self.host = MachineHost()
        self._timeline = Timeline()
        self._state = State(self.host, self._timeline)
        self._page = page
        for method, pattern, handler in (
            ("POST", JOBS, self._create),
            ("GET", JOBS, self._list),
            ("GET", f"{JOBS}/{{name}}", self._get),
            ("DELETE", f"{JOBS}/{{name}}", self._delete),
            ("GET", f"{CORE}/pods", self._list_pods),
            ("GET", f"{CORE}/pods/{{name}}", self._get_pod),
            ("GET", f"{CORE}/events", self._list_events),
        ):
            self.route(method, pattern, handler)

    def start(self) -> None:
        self._timeline.start()
        super().start()

    def stop(self) -> None:
        super().stop()
        self._timeline.stop()
        self.host.close()

    @property
    def jobs(self) -> list[Job]:
        """Those that there are, finished ones too."""
        with self._state.lock:
            return list(self._state.jobs.values())

    @property
    def pods(self) -> list[Pod]:
        """Those that there are, finished ones too."""
        with self._state.lock:
            return list(self._state.pods.values())

    def real(self, name: str) -> list[FakeMachine]:
        """What runs, or ran, the commands of Jobs of this name, deleted ones too."""
        with self._state.lock:
            found = [pod for pod in self._state.ever if pod.job.name == name]
        return [pod.real for pod in found if pod.real is not None]

    def pod(self, name: str) -> Pod:
        """The pod of a Job.

        Raises:
            LookupError: there is none.
        """
        for pod in self.pods:
            if pod.job.name == name:
                return pod
        raise LookupError(f"no pod of {name!r}")

    def evict(self, name: str, notice: float = 0.5) -> None:
        """Let a Job's pod be taken away, as where its node is: it has *notice* seconds."""
        self._state.delete_pod(self.pod(name), notice)

    def kill(self, name: str, reason: str = "") -> None:
        """End a Job's pod at once, such as for ``"Evicted"``, by a node without memory."""
        why = (reason, "The node was low on resource: memory.") if reason else None
        self._state.kill(self.pod(name), why)

    def limit(self, words: str) -> None:
        """Refuse pods, not Jobs, as a quota does; none with empty *words*."""
        self._state.quota = words
        self._state.make_pods()

    def fill(self, words: str) -> None:
        """Let pods find no node; with empty *words* those that wait find one."""
        self._state.unschedulable = words
        self._state.make_pods()

    def advance(self, seconds: float) -> None:
        """Let time pass, for deadlines and for what is removed later; not in the pods."""
        self._timeline.advance(seconds)

    def missing(self, call: Request) -> Reply:
        return status(404, "NotFound", "the server could not find the requested resource")

    def _answer(self, request: Request) -> Answer:
        if request.method == "GET" and request.path.endswith("/log"):
            return self._log(request.path.split("/")[-2])
        return super()._answer(request)

    def _log(self, name: str) -> Answer:
        with self._state.lock:
            pod = self._state.pods.get(name)
        if pod is None or pod.real is None:
            return Answer(404, {"Content-Type": "text/plain"}, b"not found")
        return Answer(200, {"Content-Type": "text/plain"}, pod.real.console.encode())

    def _create(self, call: Call) -> Reply:
        body: Mapping[str, Any] = call.body or {}
        made = self._state.create(call.names["namespace"], body, len(call.request.body))
        return Reply(made.resource(0), 201)

    def _get(self, call: Call) -> Reply:
        return Reply(self._resource(self._state.job(call.names["namespace"], call.names["name"])))

    def _delete(self, call: Call) -> Reply:
        job = self._state.job(call.names["namespace"], call.names["name"])
        policy = (call.body or {}).get("propagationPolicy") or call.query.get("propagationPolicy")
        self._state.delete(job, policy or "Background")
        return Reply({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})

    def _list(self, call: Call) -> Reply:
        space = call.names["namespace"]
        return self._paged(
            call, "Job", [self._resource(job) for job in self.jobs if job.namespace == space]
        )

    def _list_pods(self, call: Call) -> Reply:
        space = call.names["namespace"]
        return self._paged(
            call, "Pod", [pod.resource() for pod in self.pods if pod.job.namespace == space]
        )

    def _get_pod(self, call: Call) -> Reply:
        for pod in self.pods:
            if pod.name == call.names["name"]:
                return Reply(pod.resource())
        raise not_found("pods", call.names["name"])

    def _list_events(self, call: Call) -> Reply:
        with self._state.lock:
            events = list(self._state.events)
        space = call.names["namespace"]
        return self._paged(
            call, "Event", [each for each in events if each["metadata"]["namespace"] == space]
        )

    def _resource(self, job: Job) -> dict[str, Any]:
        active = [pod for pod in self._state.pods_of(job) if not pod.is_over]
        return job.resource(len(active))

    def _paged(self, call: Call, kind: str, found: Iterable[Mapping[str, Any]]) -> Reply:
        labels, fields = (call.query.get(f"{each}Selector", "") for each in ("label", "field"))
        fitting = [
            each
            for each in found
            if labelled(labels, each["metadata"].get("labels", {})) and fielded(fields, each)
        ]
        size = min(int(call.query.get("limit", PAGE)), self._page)
        begin = call.query.get("continue", "0")
        if not begin.isdigit():
            raise refused(410, "Expired", "The provided continue parameter is too old")
        end = int(begin) + size
        metadata = {"resourceVersion": "1", "continue": str(end) if len(fitting) > end else ""}
        version = "batch/v1" if kind == "Job" else "v1"
        return Reply(
            {
                "apiVersion": version,
                "kind": f"{kind}List",
                "metadata": metadata,
                "items": fitting[int(begin) : end],
            }
        )
