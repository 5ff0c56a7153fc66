"""Train on the handwritten digits as a job: on this machine, or on one that is rented for it.

Runs on the local default. The same script anywhere else: PORTABLE_PROFILE=aws, or gcp, azure,
digitalocean, kubernetes.
"""

import numpy as np
from sklearn.datasets import load_digits

import portable

RUN = "runs/training"


def train() -> dict[str, float]:
    """Runs on the job's machine, with files only: it has no credentials, and needs none."""
    from pathlib import Path

    import joblib
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    with np.load("data/digits.npz") as data:
        parts = train_test_split(data["images"] / 16, data["digits"], random_state=7)
    images, test_images, digits, test_digits = parts
    model = LogisticRegression(max_iter=500).fit(images, digits)
    print(f"trained on {len(images)} images")
    Path("out").mkdir()
    joblib.dump(model, "out/model.joblib")
    return {"accuracy": round(float(model.score(test_images, test_digits)), 3)}


if __name__ == "__main__":
    images, digits = load_digits(return_X_y=True)
    with portable.storage.open("datasets/digits/digits.npz", "wb") as file:
        np.savez_compressed(file, images=images, digits=digits)

    job = portable.compute.submit(
        train,
        cpus=1,
        inputs={"data": "datasets/digits"},
        outputs={"out": RUN},
        timeout=600,
        retries=1,
    )
    for line in job.logs(follow=True):
        print("log:    ", line)
    print("result: ", job.result())
    print("ended:  ", job.status, "with exit code", job.exit_code)
    print("stored: ", *(info.key for info in portable.storage.list(RUN)))
