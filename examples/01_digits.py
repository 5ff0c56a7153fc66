"""Train on the handwritten digits and keep everything in a bucket.

Runs on the local default. The same script on S3: PORTABLE_PROFILE=aws and a bucket's name.
"""

import io
import json

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import portable

RUN = "runs/digits"


def store_dataset() -> None:
    """The 1,797 images, 8 by 8 pixels each, and the digit that each one shows."""
    images, digits = load_digits(return_X_y=True)
    with portable.storage.open("datasets/digits.npz", "wb") as file:
        np.savez_compressed(file, images=images, digits=digits)


def train() -> dict[str, float]:
    """Fit on four fifths of the stored images, score on the rest, and store what came out."""
    with portable.storage.open("datasets/digits.npz") as file, np.load(file) as data:
        parts = train_test_split(data["images"], data["digits"], test_size=0.2, random_state=7)
    train_images, test_images, train_digits, test_digits = parts
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(train_images, train_digits)
    predicted = model.predict(test_images)
    metrics = {"accuracy": float(accuracy_score(test_digits, predicted)), "tested": len(predicted)}

    with portable.storage.open(f"{RUN}/model.joblib", "wb") as target:
        joblib.dump(model, target)
    portable.storage.put(f"{RUN}/metrics.json", json.dumps(metrics).encode())
    picture = io.BytesIO()
    ConfusionMatrixDisplay.from_predictions(test_digits, predicted, colorbar=False)
    plt.savefig(picture, format="png", dpi=120)
    portable.storage.put(f"{RUN}/confusion.png", picture.getvalue(), metadata={"model": "logistic"})
    return metrics


def predict() -> None:
    """Read the model back and let it name five images. Load models only from where you trust."""
    with portable.storage.open(f"{RUN}/model.joblib") as file:
        model = joblib.load(file)
    with portable.storage.open("datasets/digits.npz") as file, np.load(file) as data:
        print("predicted:", *model.predict(data["images"][:5]), " true:", *data["digits"][:5])


if __name__ == "__main__":
    store_dataset()
    print("metrics:  ", train())
    predict()
    bucket = portable.open_bucket()
    for info in bucket.list():
        print(f"{info.size:>9,} bytes  {bucket.url}/{info.key}")
