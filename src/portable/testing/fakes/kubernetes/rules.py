"""What an API server refuses of a Job, and what it looks for in listings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from portable.testing.fakes.kubernetes.wording import invalid, refused

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_IMAGE = re.compile(r"[a-zA-Z0-9][\w.:/@-]*")
ANNOTATION_BYTES = 256 * 1024
OBJECT_BYTES = 3 * 512 * 1024  # etcd's limit of a request


def check(job: Mapping[str, Any], size: int) -> None:
    """Refuse a Job that can't be.

    Args:
        size: Bytes of the request's body.
    """
    if job.get("kind") != "Job" or job.get("apiVersion") != "batch/v1":
        raise refused(400, "BadRequest", "the object provided is unrecognized")
    if size > OBJECT_BYTES:
        raise refused(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728")
    name = job["metadata"].get("name", "")
    if not _LABEL.fullmatch(name):
        raise invalid(name, "metadata.name", name, "a lowercase RFC 1123 subdomain must consist of")
    _check_metadata(name, "metadata", job["metadata"])
    template = job["spec"]["template"]
    _check_metadata(name, "spec.template.metadata", template.get("metadata", {}))
    _check_spec(name, job["spec"])
    _check_pod(name, template["spec"])


def _check_metadata(name: str, where: str, metadata: Mapping[str, Any]) -> None:
    for key, value in metadata.get("labels", {}).items():
        _check_key(name, f"{where}.labels", key)
        if value and not _NAME.fullmatch(value):
            raise invalid(
                name,
                f"{where}.labels",
                value,
                "a valid label must be an empty string or consist of",
            )
    annotations = metadata.get("annotations", {})
    for key in annotations:
        _check_key(name, f"{where}.annotations", key)
    if sum(len(each.encode()) for pair in annotations.items() for each in pair) > ANNOTATION_BYTES:
        raise invalid(name, f"{where}.annotations", "…", "must have at most 262144 bytes")


def _check_key(name: str, where: str, key: str) -> None:
    prefix, slash, rest = key.rpartition("/")
    if not _NAME.fullmatch(rest) or (slash and not _PREFIX.fullmatch(prefix)):
        raise invalid(name, where, key, "name part must consist of alphanumeric characters")


def _check_spec(name: str, spec: Mapping[str, Any]) -> None:
    for field, least in (
        ("backoffLimit", 0),
        ("ttlSecondsAfterFinished", 0),
        ("activeDeadlineSeconds", 0),
    ):
        value = spec.get(field, least)
        if not isinstance(value, int) or value < least:
            raise invalid(name, f"spec.{field}", value, "must be greater than or equal to 0")


def _check_pod(name: str, pod: Mapping[str, Any]) -> None:
    where = "spec.template.spec"
    if pod.get("restartPolicy") not in ("Never", "OnFailure"):
        raise invalid(
            name, f"{where}.restartPolicy", pod.get("restartPolicy"), 'valid values: "OnFailure"'
        )
    for container in pod.get("containers", ()):
        if not _IMAGE.fullmatch(container.get("image", "")):
            raise invalid(name, f"{where}.containers[0].image", container.get("image"), "Required")
        _check_amounts(name, f"{where}.containers[0].resources", container.get("resources", {}))
    if not pod.get("containers"):
        raise invalid(name, f"{where}.containers", "[]", "Required value")


def _check_amounts(name: str, where: str, resources: Mapping[str, Any]) -> None:
    requests, limits = resources.get("requests", {}), resources.get("limits", {})
    for key, value in [*requests.items(), *limits.items()]:
        if not _QUANTITY.fullmatch(str(value)):
            raise invalid(name, where, value, "quantities must match the regular expression")
        if "/" in key and requests.get(key, value) != limits.get(key):
            raise invalid(name, where, value, f"must be equal to {key} limit")


def labelled(selector: str, labels: Mapping[str, str]) -> bool:
    """Do an object's labels fit a selector, of ``key=value`` alone?"""
    return all(labels.get(key) == value for key, value in _pairs(selector, "labelSelector"))


def fielded(selector: str, found: Mapping[str, Any]) -> bool:
    """Do an object's fields fit a selector?"""
    return all(_field(found, key) == value for key, value in _pairs(selector, "fieldSelector"))


def _pairs(selector: str, what: str) -> list[tuple[str, str]]:
    pairs = []
    for each in filter(None, selector.split(",")):
        key, equals, value = each.partition("=")
        if not equals or not key or (value and not re.fullmatch(r"[\w.-]+", value)):
            raise refused(400, "BadRequest", f"unable to parse requirement of {what}: {each}")
        pairs.append((key, value))
    return pairs


def _field(found: Any, path: str) -> Any:
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """A word of a command, as a pod has it: ``$(NAME)`` is a variable's value, ``$$`` a ``$``.

    https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#entrypoint
    """

    def one(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return variables.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", one, text)
