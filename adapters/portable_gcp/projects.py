"""Google Cloud's projects."""

from __future__ import annotations

import re

# https://cloud.google.com/resource-manager/docs/creating-managing-projects, and older ones of
# domains: example.com:project.
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{2,61}[a-z0-9]")


def project_problems(project: str) -> list[str]:
    """What is wrong with a project's id."""
    if _PROJECT.fullmatch(project):
        return []
    return [f"'project' {project!r} isn't a project's id, such as \"acme-ml\""]
