"""Amazon S3 and every server that speaks its protocol; queues on Amazon SQS; machines on EC2.

URLs: ``s3://bucket/prefix?region=eu-west-1`` and, for MinIO, Ceph, SeaweedFS and others,
``s3://bucket/prefix?endpoint=https://minio.example.com``; ``sqs://jobs?region=eu-west-1``;
``ec2://eu-west-1``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.adapter import Adapter, ComputeService, QueueService, Scheme, StorageService
from portable_aws.settings import Ec2Settings, S3Settings, SqsSettings
from portable_obstore.choice import is_wanted

if TYPE_CHECKING:
    from portable.compute.driver import ComputeDriver
    from portable.queue.driver import QueueDriver
    from portable.storage.driver import StorageDriver


def _connect_storage(settings: S3Settings) -> StorageDriver:
    if is_wanted(settings.engine, needs="boto3"):
        from portable_aws.fast import connect  # imports boto3 when it is needed

        return connect(settings)
    from portable_aws.storage import S3Storage

    return S3Storage(settings)


def _connect_queue(settings: SqsSettings) -> QueueDriver:
    from portable_aws.queue import SQSQueue  # imports boto3

    return SQSQueue(settings)


def _connect_compute(settings: Ec2Settings) -> ComputeDriver:
    from portable_aws.compute import EC2Compute  # imports boto3

    return EC2Compute(settings)


ADAPTER = Adapter(
    name="aws",
    extra="aws",
    storage=StorageService(
        settings=S3Settings,
        schemes=(Scheme(name="s3", host="bucket", path="prefix"),),
        connect=_connect_storage,
    ),
    queue=QueueService(
        settings=SqsSettings,
        schemes=(Scheme(name="sqs", host="name", path=""),),
        connect=_connect_queue,
    ),
    compute=ComputeService(
        settings=Ec2Settings,
        schemes=(Scheme(name="ec2", host="region", path=""),),
        connect=_connect_compute,
    ),
    credentials=(
        "AWS credentials come from boto3's own chain: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
        "in the environment, the files in ~/.aws, or the machine's role"
    ),
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
    permissions={
        "put": "s3:PutObject",
        "get": "s3:GetObject",
        "stat": "s3:GetObject",
        "list": "s3:ListBucket",
        "delete": "s3:DeleteObject",
        "multipart": "s3:PutObject",
        "abort": "s3:AbortMultipartUpload",
        "copy": "s3:GetObject and s3:PutObject",
        "sign": "s3:GetObject",
    },
)
