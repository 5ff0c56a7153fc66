"""A Kubernetes API server, with pods that really run their command.

    with FakeKubernetes() as server:
        compute = portable.open_compute(f"k8s:///default?endpoint={server.endpoint}")

The official client talks to it: Jobs, their pods, logs and events. Names, labels and specs are
checked; a Job ends at its deadline and is removed after its time, and `FakeKubernetes.advance`
brings that near; pods are refused by a quota, find no node, are evicted or killed on demand. Needs
Linux once a pod is started.
"""

from portable.testing.fakes.kubernetes.objects import Job, Pod
from portable.testing.fakes.kubernetes.server import FakeKubernetes

__all__ = ["FakeKubernetes", "Job", "Pod"]
