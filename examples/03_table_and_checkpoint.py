"""A table and checkpoints on portable://, with pandas and torch: nothing here names a provider.

Runs on the local default. The same script on S3: PORTABLE_PROFILE=aws and a bucket's name.
"""

from typing import Any

import fsspec
import numpy as np
import pandas as pd
import torch
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

TABLE = "portable://tables/points"
RUN = "portable://runs/line"


def store_table() -> None:
    """Points near the line y = 3x + 2, a thousand of them, in a file for each source."""
    random = np.random.default_rng(7)
    x = random.uniform(-1, 1, 1000)
    points = pd.DataFrame({"x": x, "y": 3 * x + 2 + random.normal(0, 0.1, 1000), "noise": x**2})
    points["source"] = np.where(x < 0, "left", "right")
    points.to_parquet(TABLE, partition_cols=["source"], basename_template="points-{i}.parquet")


def train(until: int) -> float:
    """Go on from the last checkpoint, if there is one, until that many epochs are done."""
    table = pd.read_parquet(TABLE, columns=["x", "y"])  # these columns are all that is fetched
    x, y = (torch.tensor(table[name].to_numpy(np.float32))[:, None] for name in ("x", "y"))
    torch.manual_seed(7)
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    state: dict[str, Any] = {"model": model.state_dict(), "epoch": 0}
    if done := fsspec.filesystem("portable").glob(f"{RUN}/epoch-*/.metadata"):
        load(state, checkpoint_id=f"portable://{max(done).rpartition('/')[0]}")
        model.load_state_dict(state["model"])
        print("goes on after epoch", state["epoch"])
    loss = torch.tensor(0.0)
    for epoch in range(state["epoch"] + 1, until + 1):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), y)
        torch.autograd.backward(loss)
        optimizer.step()
        if epoch % 10 == 0:  # it is there whole, or not at all
            state = {"model": model.state_dict(), "epoch": epoch}
            save(state, checkpoint_id=f"{RUN}/epoch-{epoch:03}")
    with fsspec.open(f"{RUN}/model.pt", "wb") as file:
        torch.save(model.state_dict(), file)
    return loss.item()


if __name__ == "__main__":
    store_table()
    train(until=20)
    print(f"loss {train(until=40):.3f}")
    with fsspec.open(f"{RUN}/model.pt") as file:
        line = torch.load(file, weights_only=True)
    print(f"y = {line['weight'].item():.1f}x + {line['bias'].item():.1f}")
    print(*fsspec.filesystem("portable").find("portable://"), sep="\n")
