"""Train a small network on shards: streamed by worker processes, kept in a local cache.

Needs PyTorch: pip install torch. Runs on the local default, and on S3 with PORTABLE_PROFILE=aws.
"""

import io
import tempfile

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

import portable
from portable.cache import Cache
from portable.torch import Sample, ShardDataset, write_shards

TRAIN, TEST = "datasets/stripes/train/", "datasets/stripes/test/"


def make_samples(count: int, seed: int) -> list[Sample]:
    """Noisy pictures, 8 by 8 pixels, of upright (0) and of lying (1) stripes."""
    chance = np.random.default_rng(seed)
    samples = []
    for label in chance.integers(2, size=count):
        stripes = np.tile(chance.random(8), (8, 1))
        image = (stripes.T if label else stripes) + chance.normal(0, 0.3, (8, 8))
        file = io.BytesIO()
        np.save(file, image.astype(np.float32))
        samples.append({"npy": file.getvalue(), "cls": int(label)})
    return samples


def store_shards(bucket: portable.storage.Bucket) -> None:
    """Small ones: there should be many more of them than workers."""
    for prefix, count in ((TRAIN, 1000), (TEST, 200)):
        if not any(bucket.list(prefix, limit=1)):
            shards = write_shards(
                make_samples(count, seed=count), bucket, prefix, max_bytes=200_000
            )
            print(f"stored:   {count} samples in {len(shards)} shards at {prefix}")


def to_tensors(sample: Sample) -> tuple[torch.Tensor, int]:
    """At the top of the module, so that spawned workers find it."""
    return torch.from_numpy(np.load(io.BytesIO(sample["npy"]))), int(sample["cls"])


def main() -> None:
    bucket = portable.open_bucket()
    store_shards(bucket)
    torch.manual_seed(7)
    torch.set_num_threads(1)  # of a network this small; the worker processes have the others
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    with tempfile.TemporaryDirectory() as folder:  # on a real machine: its fastest disk
        # Shards aren't written twice, so a cached one needs no request at all.
        cache = Cache(bucket, folder, max_bytes=100 * 1024**2, immutable=True)
        train = ShardDataset(cache, TRAIN, decode=to_tensors, shuffle=200, seed=7)
        loader = DataLoader(train, batch_size=32, num_workers=2, persistent_workers=True)
        for epoch in range(5):
            train.set_epoch(epoch)  # another order each time
            for images, labels in loader:
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(images), labels)
                torch.autograd.backward(loss)
                optimizer.step()

    test = DataLoader(ShardDataset(bucket, TEST, decode=to_tensors), batch_size=64)
    right = [(model(images).argmax(1) == labels).float() for images, labels in test]
    print(f"accuracy: {torch.cat(right).mean():.3f}")


if __name__ == "__main__":
    main()
