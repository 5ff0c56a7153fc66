"""Score every new object of a bucket, many at once, as a service would in its event loop.

Runs on the local default; on S3 with PORTABLE_PROFILE=aws and a bucket's name.
"""

import asyncio
import io
import json
from contextlib import suppress

import numpy as np
from sklearn.datasets import load_digits

import portable
from portable import aio

INCOMING, SCORES, MODEL = "scoring/incoming/", "scoring/scores/", "scoring/model.npy"


def as_bytes(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def as_array(data: bytes) -> np.ndarray:
    array: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
    return array


async def store_work() -> None:
    """A model, the mean image of each digit, and 200 images to score."""
    images, digits = load_digits(return_X_y=True)
    means = np.stack([images[digits == digit].mean(axis=0) for digit in range(10)])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(aio.put(MODEL, as_bytes(means)))
        for number, image in enumerate(images[:200]):
            tasks.create_task(aio.put(f"{INCOMING}{number:03}.npy", as_bytes(image)))


async def score(key: str, means: np.ndarray) -> None:
    """Should this task be cancelled, the score is stored whole or not at all."""
    image = as_array(await aio.get(key))
    digit = int(((means - image) ** 2).sum(axis=1).argmin())
    name = key.removeprefix(INCOMING).removesuffix(".npy")
    answer = json.dumps({"digit": digit}).encode()
    with suppress(portable.errors.AlreadyExists):  # another scorer was faster
        await aio.put(f"{SCORES}{name}.json", answer, if_absent=True)


async def main() -> None:
    await store_work()
    means = as_array(await aio.get(MODEL))
    # As many tasks as there are objects: 32 requests run at once, the others wait.
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        async for info in aio.list(INCOMING):
            tasks.create_task(score(info.key, means))

    keys = [info.key async for info in aio.list(SCORES)]
    scores = await asyncio.gather(*(aio.get(key) for key in keys))
    found = [json.loads(each)["digit"] for each in scores]
    right = np.mean(np.array(found) == load_digits().target[: len(found)])
    print(f"scored {len(found)} images, {right:.0%} right")


if __name__ == "__main__":
    asyncio.run(main())
