"""Jobs and pods, as the API tells of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portable.testing.fakes.kubernetes.wording import moment
from portable.testing.fakes.machines import FakeMachine

KILLED = 137  # 128 and SIGKILL
Words = tuple[str, str]  # a reason and its message


@dataclass(slots=True)
class Job:
    """A Job that hasn't been removed.

    Attributes:
        failing: Why it fails; its pods may still be there.
        end: The type of its last condition, once it has one.
    """

    namespace: str
    asked: Mapping[str, Any]
    born: float
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    is_deleted: bool = False
    failing: Words | None = None
    end: str = ""
    ended: float = 0.0

    @property
    def name(self) -> str:
        """Of one namespace's Jobs only this one has it."""
        return str(self.asked["metadata"]["name"])

    @property
    def spec(self) -> Mapping[str, Any]:
        """What it is to do."""
        found: Mapping[str, Any] = self.asked["spec"]
        return found

    def resource(self, active: int) -> dict[str, Any]:
        """As the API tells of it; *active* of its pods haven't ended."""
        metadata = {
            **self.asked["metadata"],
            "namespace": self.namespace,
            "uid": self.uid,
            "resourceVersion": "1",
            "creationTimestamp": moment(self.born),
        }
        if self.is_deleted:
            metadata["deletionTimestamp"] = moment(self.born)
            metadata["finalizers"] = ["foregroundDeletion"]
        status: dict[str, Any] = {"startTime": moment(self.born), "conditions": self._conditions()}
        if active:
            status["active"] = active
        if self.end:
            status["failed" if self.end == "Failed" else "succeeded"] = 1
        return {**self.asked, "metadata": metadata, "status": status}

    def _conditions(self) -> list[dict[str, str]]:
        kinds = ["FailureTarget"] if self.failing else []
        if self.end == "Complete":
            kinds = ["SuccessCriteriaMet"]
        reason, message = self.failing or ("CompletionsReached", "Reached expected number")
        about = {"status": "True", "reason": reason, "message": message}
        at = moment(self.ended or self.born)
        return [
            {"type": kind, "lastTransitionTime": at, **about}
            for kind in [*kinds, *filter(None, [self.end])]
        ]


@dataclass(slots=True)
class Pod:
    """A pod that hasn't been removed.

    Attributes:
        real: What runs its command, once it has a node.
        waits: Why it has no node.
        why: Why it ended, where its command isn't why.
    """

    job: Job
    name: str
    born: float
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    phase: str = "Pending"
    real: FakeMachine | None = None
    waits: Words | None = None
    why: Words | None = None
    is_deleted: bool = False
    exit_code: int | None = None

    @property
    def is_over(self) -> bool:
        """Has it ended?"""
        return self.phase in ("Succeeded", "Failed")

    @property
    def labels(self) -> dict[str, str]:
        """Those of the template, and the controller's."""
        name, uid = self.job.name, self.job.uid
        return {
            **self.job.spec["template"].get("metadata", {}).get("labels", {}),
            "job-name": name,
            "controller-uid": uid,
            "batch.kubernetes.io/job-name": name,
            "batch.kubernetes.io/controller-uid": uid,
        }

    @property
    def spec(self) -> Mapping[str, Any]:
        """What it runs."""
        found: Mapping[str, Any] = self.job.spec["template"]["spec"]
        return found

    def resource(self) -> dict[str, Any]:
        """As the API tells of it."""
        metadata: dict[str, Any] = {
            "name": self.name,
            "namespace": self.job.namespace,
            "uid": self.uid,
            "labels": self.labels,
            "creationTimestamp": moment(self.born),
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "name": self.job.name,
                    "uid": self.job.uid,
                    "controller": True,
                }
            ],
        }
        if self.is_deleted:
            metadata["deletionTimestamp"] = moment(self.born)
        status: dict[str, Any] = {"phase": self.phase, "conditions": [self._scheduled()]}
        if self.real is not None:
            status["containerStatuses"] = [self._container()]
        if self.why is not None:
            status |= {"reason": self.why[0], "message": self.why[1]}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": self.spec,
            "status": status,
        }

    def _scheduled(self) -> dict[str, str]:
        made = {"type": "PodScheduled", "status": "False" if self.waits else "True"}
        if self.waits:
            made |= {"reason": self.waits[0], "message": self.waits[1]}
        return made

    def _container(self) -> dict[str, Any]:
        (asked,) = self.spec["containers"]
        state: dict[str, Any] = {"running": {"startedAt": moment(self.born)}}
        if self.exit_code is not None:
            reason = "Error" if self.exit_code else "Completed"
            state = {"terminated": {"exitCode": self.exit_code, "reason": reason}}
        return {
            "name": asked["name"],
            "image": asked["image"],
            "imageID": "",
            "ready": self.exit_code is None,
            "restartCount": 0,
            "state": state,
        }
