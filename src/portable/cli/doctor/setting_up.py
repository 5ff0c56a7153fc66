"""Checks that need no network: the configuration, the adapter and its SDK."""

from __future__ import annotations

import dataclasses
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portable.adapter import StorageSettings
    from portable.cli.doctor.checks import Checks
    from portable.cli.session import Session
    from portable.config import ResolvedService
    from portable.storage import Bucket

SECTION = "settings"
# A proof is to be quick: who waits for a provider that is down learns nothing more.
ATTEMPTS = 2
DEADLINE_SECONDS = 20.0


def prove_settings(session: Session, checks: Checks, name_or_url: str | None) -> Bucket | None:
    """Check them and return the bucket, its patience cut; `None` when there is none to go on with."""
    found: list[ResolvedService[StorageSettings]] = []

    def profile() -> str:
        found.append(session.resolve(name_or_url))
        return found[0].profile

    checks.run(SECTION, "profile", profile)
    if not found:
        return None
    resolved = found[0]
    checks.run(SECTION, "file", lambda: resolved.file or "none found, and none is needed")
    checks.run(SECTION, "values", lambda: _values(resolved))
    bucket = _patient(resolved)
    checks.run(SECTION, "adapter", lambda: _connected(bucket), bucket=bucket)
    return None if checks.failed("adapter") else bucket


def _values(resolved: ResolvedService[StorageSettings]) -> str:
    written = [
        f"{name} = {getattr(resolved.settings, name)!r} ({origin})"
        for name, origin in resolved.origins.items()
        if origin != "default" and not origin.startswith("URL ")  # which the user has just written
    ]
    return "; ".join([resolved.settings.url, *written])


def _patient(resolved: ResolvedService[StorageSettings]) -> Bucket:
    from portable.storage.active import bucket_from

    settings = dataclasses.replace(
        resolved.settings,
        attempts=min(resolved.settings.attempts, ATTEMPTS),
        deadline=min(resolved.settings.deadline, DEADLINE_SECONDS),
    )
    return bucket_from(resolved.adapter, settings)


def _connected(bucket: Bucket) -> str:
    """Make the driver, which imports the SDK and sends nothing."""
    package = type(bucket.native).__module__.partition(".")[0]
    try:
        return f"{bucket.provider}, with {package} {version(package)}"
    except PackageNotFoundError:  # it needs no SDK
        return bucket.provider
