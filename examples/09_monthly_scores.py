"""Score a month's images in one go, a part of them in each task: a job for a timer.

Runs on the local default: `python examples/09_monthly_scores.py 2026-11`. The job's name says
which month it is for, so a timer that fires twice, or on two machines, scores once. Anywhere
else: PORTABLE_PROFILE=aws. Its machines need nothing but numpy.
"""

import json
import sys

import numpy as np

import portable

PARTS = 3


def prepare(month: str) -> None:
    """What is there in a real project: a trained model, and the images that came in."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    images, digits = load_digits(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(images[:1000], digits[:1000])
    with portable.storage.open("models/digits.npz", "wb") as file:
        np.savez(file, weights=model.coef_.T, bias=model.intercept_)
    for part, chosen in enumerate(np.array_split(images[1000:], PARTS)):
        with portable.storage.open(f"incoming/{month}/{part}.npy", "wb") as file:
            np.save(file, chosen)


def score() -> None:
    """One task: the part that its index names."""
    import os

    part = os.environ["PORTABLE_TASK_INDEX"]
    with np.load("model") as model:
        likely = np.load(f"incoming/{part}.npy") @ model["weights"] + model["bias"]
    digits = likely.argmax(axis=1).tolist()
    with open("scores.json", "w") as file:
        json.dump(digits, file)
    print(f"part {part}: {len(digits)} images")


if __name__ == "__main__":
    month = sys.argv[1] if len(sys.argv) > 1 else "2026-11"
    if not portable.storage.exists("models/digits.npz"):
        prepare(month)
    job = portable.compute.submit(
        score,
        name=f"scores-{month}",
        count=PARTS,
        inputs={"model": "models/digits.npz", "incoming": f"incoming/{month}"},
        outputs={"scores.json": f"scores/{month}/{{index}}.json"},
        max_usd=2,
        timeout=1800,
    )
    result = job.wait()
    print(f"{job.id}: {result.status}, {len(result.tasks)} tasks")
    for key in sorted(info.key for info in portable.storage.list(f"scores/{month}/")):
        print(key, len(json.loads(portable.storage.get(key))))
