"""Data sets for PyTorch that stream from a bucket. Needs ``torch``, which isn't installed along.

samples = ShardDataset(bucket, "train/", decode=to_tensors, shuffle=1000)
for batch in DataLoader(samples, batch_size=64, num_workers=4): ...
"""

from __future__ import annotations

from importlib.util import find_spec

from portable.errors import MissingDependency

if find_spec("torch") is None:
    raise MissingDependency("portable.torch needs PyTorch: pip install torch")

from portable.torch._objects import ObjectDataset
from portable.torch._shards import ShardDataset
from portable.torch._tar import Sample, tar_samples
from portable.torch._writing import write_shards

__all__ = ["ObjectDataset", "Sample", "ShardDataset", "tar_samples", "write_shards"]
