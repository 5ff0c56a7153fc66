"""boto3's clients: retries off, timeouts and checksums as configured, their endpoints checked."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from portable.endpoints import check_endpoint
from portable.errors import ConfigError
from portable_aws.answers import guard, guard_compute, guard_queue
from portable_aws.body import RequestBody
from portable_aws.errors import translated
from portable_aws.settings import (
    DEFAULT_REGION,
    AwsSettings,
    Ec2Settings,
    S3Settings,
    SqsSettings,
)

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

CONNECTIONS = 64


def make_client(settings: S3Settings, keys: tuple[str, str] | None = None) -> S3Client:
    """Make a client of S3; nothing is sent.

    Args:
        keys: An access key and its secret, instead of what boto3's chain has.

    Raises:
        EndpointRefused: also for an endpoint that AWS_ENDPOINT_URL or the AWS files name.
    """
    client: S3Client = _client(
        "s3",
        settings,
        keys,
        signature_version="s3v4",
        request_checksum_calculation="when_required",  # ours is sent with every write
        response_checksum_validation="when_required",  # ours is checked on every read
        s3={"addressing_style": settings.style, "payload_signing_enabled": False},
    )
    guard(client, seconds=settings.deadline)
    client.meta.events.register("before-call.s3", _send_small_bodies_at_once)
    return client


def credentials_end(client: S3Client) -> datetime | None:
    """When a client's credentials end; `None` where they don't, or don't tell."""
    credentials = client._get_credentials()  # type: ignore[attr-defined]
    ends = getattr(credentials, "_expiry_time", None)  # there is no other way to be told
    return ends if isinstance(ends, datetime) else None


def make_queue_client(settings: SqsSettings) -> SQSClient:
    """Make a client of SQS; nothing is sent.

    Raises:
        EndpointRefused: as for `make_client`.
    """
    client: SQSClient = _client("sqs", settings)
    guard_queue(client, seconds=settings.deadline)
    return client


def make_compute_client(settings: Ec2Settings) -> EC2Client:
    """Make a client of EC2; nothing is sent.

    Raises:
        ConfigError: no region is set, here or in boto3's own chain: machines are started nowhere
            that nobody named.
        EndpointRefused: as for `make_client`.
    """
    client: EC2Client = _client("ec2", settings, default_region=None)
    guard_compute(client, seconds=settings.deadline)
    return client


def _client(
    service: str,
    settings: AwsSettings,
    keys: tuple[str, str] | None = None,
    *,
    default_region: str | None = DEFAULT_REGION,
    **config: Any,
) -> Any:
    with translated():
        session: Any = boto3.Session(profile_name=settings.aws_profile, region_name=settings.region)
        region = session.region_name or default_region
        if region is None:
            raise ConfigError(
                "no region: set 'region', such as \"eu-west-1\", or AWS_DEFAULT_REGION"
            )
        client = session.client(
            service,
            region_name=region,
            endpoint_url=settings.endpoint,
            verify=settings.ca_bundle,
            aws_access_key_id=keys and keys[0],
            aws_secret_access_key=keys and keys[1],
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 1},  # the core retries
                connect_timeout=settings.connect_timeout,
                read_timeout=settings.read_timeout,
                max_pool_connections=CONNECTIONS,
                tcp_keepalive=True,
                parameter_validation=False,  # the core has checked; it costs a tenth of a call
                **config,
            ),
        )
    check_endpoint(client.meta.endpoint_url, allow_http=settings.allow_http)
    return client


def _send_small_bodies_at_once(params: dict[str, Any], **_: Any) -> None:
    """botocore asks before each body, which costs a trip, or a second where nobody answers."""
    if not isinstance(params.get("body"), RequestBody):
        params["headers"].pop("Expect", None)
