"""Compute: ``portable.compute.submit("python train.py", gpus=1)`` on any provider.

The functions here are the methods of one default `Compute`, bound to the active profile at each
call, the way `random.random` is a method of a hidden `Random`.
"""

from __future__ import annotations

from portable.compute.active import ActiveCompute
from portable.compute.compute import Compute
from portable.compute.driver import ComputeCapabilities
from portable.compute.handle import Job
from portable.compute.instance import Instance, Instances
from portable.compute.needs import Needs
from portable.compute.types import InstanceInfo, JobResult, TaskResult

_compute = ActiveCompute()

instances = _compute.instances
job = _compute.job
jobs = _compute.jobs
map = _compute.map
reap = _compute.reap
submit = _compute.submit

__all__ = [
    "Compute",
    "ComputeCapabilities",
    "Instance",
    "InstanceInfo",
    "Instances",
    "Job",
    "JobResult",
    "Needs",
    "TaskResult",
    "instances",
    "job",
    "jobs",
    "map",
    "reap",
    "submit",
]
