"""What S3, SQS and EC2 can do; nothing of boto3 is imported to know it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

from portable.compute.driver import ComputeCapabilities
from portable.queue.driver import QueueCapabilities
from portable.storage.driver import Capabilities
from portable_aws.settings import MESSAGE_MAX, S3Settings, SqsSettings

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
LIMITS = Capabilities(
    storage_classes=True,
    metadata_ascii=True,
    put_max=5 * 1024**3,
    part_min=5 * 1024**2,
    part_max=5 * 1024**3,
    parts_max=10_000,
    delete_max=1000,
    sign_max=timedelta(days=7),
)


def capabilities(settings: S3Settings) -> Capabilities:
    """What one bucket's server does."""
    return replace(
        LIMITS,
        put_if_absent=settings.conditional_writes,
        put_if_match=settings.conditional_writes,
        checksum="native" if settings.checksums == "when_supported" else "metadata",
    )


# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
LEASE_MAX = 12 * 3600
WAIT_MAX = 20.0
# Characters: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
STANDARD_QUEUE = QueueCapabilities(
    wire="text",
    message_max=MESSAGE_MAX,
    attributes_max=10,
    empty_bodies=False,
    send_max=10,
    send_bytes_max=MESSAGE_MAX,
    receive_max=10,
    settle_max=10,
    delay_max=900.0,
    lease_min=1.0,  # whole seconds
    lease_max=LEASE_MAX - 60.0,  # all of them together, from the receive on
    wait_max=WAIT_MAX,
    # "If you use an old receipt handle, the request will succeed, but the message might not be
    # deleted": …/APIReference/API_DeleteMessage.html
    tells_lost_lease=False,
)
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
FIFO_QUEUE = replace(
    STANDARD_QUEUE,
    # Of a batch, one may be refused and the later ones taken: sent again, it would come after them.
    send_max=1,
    receive_max=1,  # else several of a group come at once
    delay_max=0.0,  # the queue's own only
    groups=True,
    needs_group=True,
    dedup_window=300.0,
    tells_lost_lease=True,
)


def queue_capabilities(settings: SqsSettings) -> QueueCapabilities:
    """What one queue's server does. An answer must come before the socket's timeout ends it."""
    return replace(
        FIFO_QUEUE if settings.fifo else STANDARD_QUEUE,
        message_max=settings.message_max,
        wait_max=min(WAIT_MAX, max(0.0, math.floor(settings.read_timeout) - 1.0)),
    )


_METADATA = "http://169.254.169.254/latest"
# 404 until two minutes before the end, with a token as IMDSv2 wants one:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
SPOT_NOTICE = {
    "url": f"{_METADATA}/meta-data/spot/instance-action",
    "headers": {},
    "contains": '"action"',
    "token": {
        "url": f"{_METADATA}/api/token",
        "headers": {"X-aws-ec2-metadata-token-ttl-seconds": "60"},
        "header": "X-aws-ec2-metadata-token",
    },
}


def compute_capabilities(region: str) -> ComputeCapabilities:
    """What machines in one region can do."""
    return ComputeCapabilities(
        region=region,
        stops=True,
        spot=True,
        images=True,
        ends="poweroff",
        idempotent=True,
        # Before it is encoded: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
        boot_max=16 * 1024,
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html, less the name
        tags_max=49,
        notice=SPOT_NOTICE,
    )
