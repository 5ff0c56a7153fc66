"""The boto3 client: retries off, timeouts and checksums as configured, its endpoint checked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from portable.endpoints import check_endpoint
from portable_aws.answers import guard
from portable_aws.body import RequestBody
from portable_aws.errors import translated
from portable_aws.settings import S3Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECTIONS = 64
# A signature needs some region; a server behind an endpoint rarely cares which.
DEFAULT_REGION = "us-east-1"
_HOST_LABEL = re.compile(r"[a-z0-9-]{3,63}")


def make_client(settings: S3Settings) -> S3Client:
    """Make a client; nothing is sent.

    Raises:
        EndpointRefused: also for an endpoint that AWS_ENDPOINT_URL or the AWS files name.
    """
    with translated():
        session = boto3.Session(profile_name=settings.aws_profile, region_name=settings.region)
        region = session.region_name or DEFAULT_REGION
        client: S3Client = session.client(
            "s3",
            region_name=region,
            endpoint_url=settings.endpoint,
            verify=settings.ca_bundle,
            config=_config(settings),
        )
    check_endpoint(client.meta.endpoint_url, allow_http=settings.allow_http)
    guard(client, seconds=settings.deadline)
    client.meta.events.register("before-call.s3", _send_small_bodies_at_once)
    return client


def _send_small_bodies_at_once(params: dict[str, Any], **_: Any) -> None:
    """botocore asks before each body, which costs a trip, or a second where nobody answers."""
    if not isinstance(params.get("body"), RequestBody):
        params["headers"].pop("Expect", None)


def _config(settings: S3Settings) -> Config:
    addressing = settings.addressing
    if addressing == "auto" and settings.endpoint:
        addressing = "path"
    elif addressing == "auto" and _HOST_LABEL.fullmatch(settings.bucket):
        # boto3's own "auto" signs URLs for the global host, which redirects and so breaks them.
        addressing = "virtual"
    return Config(
        signature_version="s3v4",
        retries={"mode": "standard", "total_max_attempts": 1},  # the core retries
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
        parameter_validation=False,  # the core has checked, and this costs a tenth of a call
        request_checksum_calculation="when_required",  # ours is sent with every write
        response_checksum_validation="when_required",  # ours is checked on every read
        s3={"addressing_style": addressing, "payload_signing_enabled": False},
    )
