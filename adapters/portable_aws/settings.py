"""What can be configured. Credentials come from boto3's own chain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from portable.adapter import ComputeSettings, QueueSettings, StorageSettings
from portable.endpoints import http_problems

_BUCKET = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,254}|arn:[^\s]+")

_HOST_LABEL = re.compile(r"[a-z0-9-]{3,63}")
# A signature needs some region; a server behind an endpoint rarely cares which.
DEFAULT_REGION = "us-east-1"
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
MESSAGE_MAX = 1024**2
RETENTION_MAX = 14 * 24 * 3600
USUAL_CLASS = "STANDARD"  # S3 leaves it out of its answers


@dataclass(frozen=True, kw_only=True)
class AwsSettings:
    """How a service of AWS is reached, whichever it is.

    Attributes:
        region: From boto3's own chain unless given.
        endpoint: The URL of a server other than AWS's own; https, or http on loopback.
        allow_http: Take an `endpoint` that isn't encrypted, beyond loopback; only from code.
        aws_profile: A named profile of the AWS files.
        connect_timeout: Seconds.
        read_timeout: Seconds without a byte.
        ca_bundle: A file of certificate authorities instead of the usual ones.
    """

    __slots__ = ()  # those of two parents can't be joined: the subclasses have them

    region: str | None = None
    endpoint: str | None = None
    allow_http: bool = False
    aws_profile: str | None = None
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    ca_bundle: str | None = None

    paths: ClassVar[frozenset[str]] = frozenset({"ca_bundle"})
    code_only: ClassVar[frozenset[str]] = frozenset({"allow_http"})


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings(StorageSettings, AwsSettings):
    """One bucket, on S3 or on a server that speaks its protocol.

    Attributes:
        bucket: Its name, or the ARN of an access point.
        addressing: The bucket in the URL's path or in the host's name; ``"auto"``: the path for
            an `endpoint`, the host for AWS.
        checksums: ``"when_required"`` for servers that refuse S3's newer checksums: Content-MD5
            guards what is sent, and the digest is kept in the metadata.
        conditional_writes: False for a server that ignores If-Match and If-None-Match, so that
            conditions are refused here; `portable doctor` finds out.
        engine: What carries objects' data: boto3 (``"sdk"``), or obstore (``"fast"``) wherever it
            does the same; ``"auto"``: obstore where it is installed.
        encryption: Server-side encryption asked for with every write.
        kms_key: The key's ARN, id or alias for ``"aws:kms"``; the account's own unless given.
    """

    bucket: str
    addressing: Literal["auto", "path", "virtual"] = "auto"
    checksums: Literal["when_supported", "when_required"] = "when_supported"
    conditional_writes: bool = True
    engine: Literal["auto", "sdk", "fast"] = "auto"
    encryption: Literal["AES256", "aws:kms"] | None = None
    kms_key: str | None = None

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def endpoint_id(self) -> str:
        return self.endpoint or f"s3.{self.region}"

    @property
    def style(self) -> Literal["auto", "path", "virtual"]:
        """How the bucket is addressed, as far as the settings tell."""
        if self.addressing == "auto" and self.endpoint:
            return "path"
        if self.addressing == "auto" and _HOST_LABEL.fullmatch(self.bucket):
            # boto3's own "auto" signs URLs for the global host, which redirects and breaks them.
            return "virtual"
        return self.addressing

    def problems(self) -> list[str]:
        found = StorageSettings.problems(self)
        if not _BUCKET.fullmatch(self.bucket):
            found.append(
                f"'bucket' {self.bucket!r} isn't a bucket's name: 2 to 255 letters, digits, '.', "
                "'_' and '-', or an ARN"
            )
        if self.kms_key is not None and self.encryption != "aws:kms":
            found.append("'kms_key' needs encryption = \"aws:kms\"")
        return [*found, *http_problems(self)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SqsSettings(QueueSettings, AwsSettings):
    """One queue, on SQS or on a server that speaks its protocol.

    Attributes:
        fifo: A FIFO queue: in order within a group, which every message then has, and one of two
            messages with the same `dedup_id` within 5 minutes. Its name at SQS ends in ``.fifo``.
        retention: Seconds for which a queue made here keeps a message, 60 to 1,209,600: the
            default is SQS's longest, 14 days. Then the message is gone, dead letters too.
        message_max: Bytes of the largest message, 1,024 to 1,048,576; smaller for a queue that was
            made with a smaller `MaximumMessageSize`. What is larger goes to `payloads`.
        kms_key: The key's ARN, id or alias that encrypts a queue made here; SQS's own key unless
            given.
    """

    fifo: bool = False
    retention: int = RETENTION_MAX
    message_max: int = MESSAGE_MAX
    kms_key: str | None = None

    @property
    def url(self) -> str:
        return f"sqs://{self.name}"

    @property
    def endpoint_id(self) -> str:
        return self.endpoint or f"sqs.{self.region}"

    @property
    def queue_name(self) -> str:
        """The queue's name at SQS."""
        return f"{self.name}.fifo" if self.fifo else self.name

    def problems(self) -> list[str]:
        found = QueueSettings.problems(self)
        if not 60 <= self.retention <= RETENTION_MAX:
            found.append(f"'retention' must be from 60 to {RETENTION_MAX} seconds, 14 days")
        if not 1024 <= self.message_max <= MESSAGE_MAX:
            found.append(f"'message_max' must be from 1024 to {MESSAGE_MAX} bytes, 1 MiB")
        return [*found, *http_problems(self)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ec2Settings(ComputeSettings, AwsSettings):
    """Machines in one region of EC2.

    Attributes:
        subnet: The id of the subnet that machines are put in; one of the region's default VPC
            unless given. They have to reach storage from there.
        security_group: The id of the security group that they get; the VPC's default, which lets
            nobody in, unless given.
    """

    subnet: str | None = None
    security_group: str | None = None

    @property
    def url(self) -> str:
        return f"ec2://{self.region or ''}"

    @property
    def endpoint_id(self) -> str:
        return self.endpoint or f"ec2.{self.region}"

    def problems(self) -> list[str]:
        found = ComputeSettings.problems(self)
        if self.subnet is not None and not self.subnet.startswith("subnet-"):
            found.append(f"'subnet' {self.subnet!r} isn't a subnet's id, subnet-…")
        if self.security_group is not None and not self.security_group.startswith("sg-"):
            found.append(f"'security_group' {self.security_group!r} isn't a group's id, sg-…")
        return [*found, *http_problems(self)]
