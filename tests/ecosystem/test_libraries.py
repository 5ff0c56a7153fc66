"""What people work with, used as people use it, on ``portable://`` URLs."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from tests.ecosystem.conftest import Home, needed

needed("fsspec")

import fsspec

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # other projects' warnings are theirs
    pytest.mark.xdist_group("ecosystem-s3"),  # one worker imports them all
]


@pytest.fixture
def frame() -> Any:
    pandas = needed("pandas")
    return pandas.DataFrame({"run": [1, 2, 3, 4], "name": list("abca"), "loss": [0.5, 0.25, 1, 2]})


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "json", "pickle", "pickle.xz", "feather"])
def test_pandas_reads_what_it_wrote(home: Home, frame: Any, kind: str) -> None:
    pandas = needed("pandas")
    name = kind.partition(".")[0]
    options = {"index": False} if name == "csv" else {}
    getattr(frame, f"to_{name}")(f"{home.url}/frame.{kind}", **options)
    found = getattr(pandas, f"read_{name}")(f"{home.url}/frame.{kind}")
    pandas.testing.assert_frame_equal(found, frame)
    assert not home.fs.isdir(home.key(f"frame.{kind}"))


def test_pandas_reads_parquet_files_and_tables_of_many(home: Home, frame: Any) -> None:
    pandas = needed("pandas")
    frame.to_parquet(f"{home.url}/one.parquet")
    found = pandas.read_parquet(f"{home.url}/one.parquet", columns=["loss"])
    pandas.testing.assert_frame_equal(found, frame[["loss"]])
    frame.to_parquet(f"{home.url}/many", partition_cols=["name"])
    assert {path.split("/")[2] for path in home.fs.find(home.key("many"))} == {
        "name=a", "name=b", "name=c",
    }  # fmt: skip
    found = pandas.read_parquet(f"{home.url}/many", filters=[("name", "==", "a")])
    assert sorted(found["run"]) == [1, 4]


def test_pandas_takes_a_bucket_as_an_option(home: Home, frame: Any) -> None:
    """Then no profile is needed, and the path is a key of that bucket."""
    pandas = needed("pandas")
    options = {"bucket": home.bucket}
    frame.to_parquet(f"{home.url}/one.parquet", storage_options=options)
    found = pandas.read_parquet(f"{home.url}/one.parquet", storage_options=options)
    pandas.testing.assert_frame_equal(found, frame)


def test_a_partition_whose_value_needs_quoting(home: Home) -> None:
    """pyarrow writes ``%20`` into the key; a path is a key as it is."""
    pandas = needed("pandas")
    frame = pandas.DataFrame({"at": ["2026-11-22 10:00", "a/b"], "x": [1, 2]})
    frame.to_parquet(f"{home.url}/table", partition_cols=["at"])
    assert any("%3A" in path for path in home.fs.find(home.path))
    found = pandas.read_parquet(f"{home.url}/table")
    assert sorted(map(str, found["at"])) == ["2026-11-22 10:00", "a/b"]


def test_pyarrow_opens_the_url_itself(home: Home, frame: Any) -> None:
    dataset, parquet, fs = map(needed, ("pyarrow.dataset", "pyarrow.parquet", "pyarrow.fs"))
    frame.to_parquet(f"{home.url}/table/1.parquet")
    frame.to_parquet(f"{home.url}/table/2.parquet")
    assert dataset.dataset(home.key("table"), filesystem=home.fs).count_rows() == 8
    found, path = fs.FileSystem.from_uri(f"fsspec+{home.url}/table")
    assert parquet.read_table(path, filesystem=found).num_rows == 8


def test_polars_reads_and_writes_files(home: Home) -> None:
    polars = needed("polars")
    frame = polars.DataFrame({"run": [1, 2], "name": ["a", "b"]})
    with home.fs.open(home.key("p.parquet"), "wb") as file:
        frame.write_parquet(file)
    with fsspec.open(f"{home.url}/p.parquet") as file:
        assert polars.read_parquet(file, columns=["name"]).to_series().to_list() == ["a", "b"]
    with home.fs.open(home.key("p.parquet")) as file:
        assert polars.scan_parquet(file).filter(polars.col("run") > 1).collect().height == 1
    arrow = needed("pyarrow.dataset").dataset(home.key("p.parquet"), filesystem=home.fs)
    lazy = polars.scan_pyarrow_dataset(arrow).filter(polars.col("run") > 1)
    assert lazy.collect()["name"].to_list() == ["b"]


def test_numpy_and_joblib(home: Home) -> None:
    numpy, joblib = needed("numpy"), needed("joblib")
    array = numpy.arange(1000.0).reshape(10, 100)
    with home.fs.open(home.key("a.npy"), "wb") as file:
        numpy.save(file, array)
    with home.fs.open(home.key("a.npz"), "wb") as file:
        numpy.savez_compressed(file, a=array)
    with home.fs.open(home.key("a.joblib"), "wb") as file:
        joblib.dump({"a": array}, file, compress=3)
    with home.fs.open(home.key("a.npy")) as file:
        assert (numpy.load(file) == array).all()
    with home.fs.open(home.key("a.npz")) as file, numpy.load(file) as data:
        assert (data["a"] == array).all()
    with home.fs.open(home.key("a.joblib")) as file:
        assert (joblib.load(file)["a"] == array).all()


def test_torch_saves_and_loads(home: Home) -> None:
    torch = needed("torch")
    model = torch.nn.Linear(64, 64)
    with fsspec.open(f"{home.url}/model.pt", "wb") as file:
        torch.save(model.state_dict(), file)
    with fsspec.open(f"{home.url}/model.pt") as file:
        state = torch.load(file, weights_only=True)
    assert torch.equal(state["weight"], model.weight)


class TestDistributedCheckpoint:
    """torch's own checkpoint format, in one process."""

    def save(self, home: Home, value: Any) -> None:
        checkpoint = needed("torch.distributed.checkpoint")
        writer = needed("torch.distributed.checkpoint._fsspec_filesystem").FsspecWriter
        # `sync_files` is for files: it would flush every disk of this machine.
        storage = writer(f"{home.url}/ckpt", sync_files=False)
        checkpoint.save({"weight": value, "step": 7}, storage_writer=storage, no_dist=True)

    def load(self, home: Home) -> Any:
        torch, checkpoint = needed("torch"), needed("torch.distributed.checkpoint")
        reader = needed("torch.distributed.checkpoint._fsspec_filesystem").FsspecReader
        state = {"weight": torch.zeros(256, 256), "step": 0}
        checkpoint.load(state, storage_reader=reader(f"{home.url}/ckpt"), no_dist=True)
        assert state["step"] == 7
        return state["weight"]

    def test_save_load_and_save_again(self, home: Home) -> None:
        torch = needed("torch")
        for value in (torch.rand(256, 256), torch.rand(256, 256)):
            self.save(home, value)
            assert torch.equal(self.load(home), value)
        names = {path.rpartition("/")[2] for path in home.fs.find(home.key("ckpt"))}
        assert names == {".metadata", "__0_0.distcp"}

    def test_a_save_that_breaks_leaves_the_old_one(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Other file systems publish the half that was written, over the whole."""
        torch = needed("torch")
        old = torch.rand(256, 256)
        self.save(home, old)
        real = torch.save

        def break_off(value: object, file: Any, *args: Any, **options: Any) -> None:
            real(value, file, *args, **options)
            raise OSError("the machine is gone")

        monkeypatch.setattr(torch, "save", break_off)
        failure = needed("torch.distributed.checkpoint.api").CheckpointException
        with pytest.raises(failure, match="the machine is gone"):
            self.save(home, torch.rand(256, 256))
        monkeypatch.undo()
        assert torch.equal(self.load(home), old)


class TestDatasets:
    """Hugging Face's library."""

    @pytest.fixture(autouse=True)
    def _caches(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        datasets = needed("datasets")
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path))
        monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", str(tmp_path / "down"))
        datasets.disable_progress_bars()

    def test_save_to_disk_and_load_from_disk(self, home: Home) -> None:
        datasets = needed("datasets")
        made = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [0, 1, 0]})
        made.save_to_disk(f"{home.url}/set")
        assert datasets.load_from_disk(f"{home.url}/set")[1] == {"text": "b", "label": 1}

    def test_load_dataset_from_parquet(self, home: Home, frame: Any, tmp_path: Path) -> None:
        datasets = needed("datasets")
        for name in ("1", "2"):
            frame.to_parquet(f"{home.url}/table/{name}.parquet")
        options: dict[str, Any] = {
            "storage_options": {"portable": {}}, "split": "train", "cache_dir": str(tmp_path),
        }  # fmt: skip
        found = datasets.load_dataset(
            "parquet", data_files=f"{home.url}/table/*.parquet", **options
        )
        assert found.num_rows == 8
        streamed = datasets.load_dataset(
            "parquet", data_files=f"{home.url}/table/*.parquet", streaming=True, **options
        )
        assert [row["run"] for row in streamed] == [1, 2, 3, 4] * 2

    def test_to_parquet_and_to_csv(self, home: Home) -> None:
        datasets = needed("datasets")
        made = datasets.Dataset.from_dict({"x": [1, 2, 3]})
        made.to_parquet(f"{home.url}/x.parquet")
        made.to_csv(f"{home.url}/x.csv")
        assert home.fs.cat(home.key("x.csv")) == b"x\n1\n2\n3\n"
        assert needed("pandas").read_parquet(f"{home.url}/x.parquet")["x"].tolist() == [1, 2, 3]


def test_zarr_arrays(home: Home) -> None:
    zarr, numpy = needed("zarr"), needed("numpy")
    group = zarr.open_group(f"{home.url}/g.zarr", mode="w")
    array = group.create_array("a", shape=(100, 100), chunks=(50, 50), dtype="f8")
    array[:] = numpy.arange(10_000.0).reshape(100, 100)
    again = zarr.open_group(f"{home.url}/g.zarr", mode="r")
    assert again["a"][60, 10:12].tolist() == [6010.0, 6011.0]
    assert list(again.array_keys()) == ["a"]
    sharded = zarr.create_array(
        f"{home.url}/s.zarr", shape=(64, 64), chunks=(8, 8), shards=(32, 32), dtype="i4"
    )
    sharded[:] = 7
    assert (zarr.open_array(f"{home.url}/s.zarr", mode="r")[10:20, 30:40] == 7).all()


def test_an_open_file_travels_to_a_worker(home: Home) -> None:
    """fsspec's `OpenFile` is what dask and others send."""
    home.fs.pipe(home.key("a"), b"data")
    travelled = pickle.loads(pickle.dumps(fsspec.open(f"{home.url}/a")))
    with travelled as file:
        assert file.read() == b"data"


def test_fsspecs_own_caches_see_a_replaced_object(home: Home, tmp_path: Path) -> None:
    key = home.key("a")
    cached = fsspec.filesystem(
        "filecache", fs=home.fs, cache_storage=str(tmp_path), check_files=True
    )
    for data in (b"one", b"two"):
        home.fs.pipe(key, data)
        assert cached.cat(key) == data
