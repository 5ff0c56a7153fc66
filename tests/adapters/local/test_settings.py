from __future__ import annotations

from pathlib import Path

import pytest

from portable.errors import NoSpace, NotFound, PortableError
from portable_local import ADAPTER
from portable_local.errors import BY_ERRNO, translated
from portable_local.settings import LocalSettings


def test_the_url_is_absolute_and_has_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert LocalSettings(path="data/x y", prefix="team").url == "file:///data/x%20y/team"
    assert LocalSettings().url == "file:///.portable/storage"


def test_problems_are_told_together() -> None:
    problems = LocalSettings(path="", attempts=0).problems()
    assert [problem.split("'")[1] for problem in problems] == ["attempts", "path"]


def test_the_adapter_connects_without_touching_the_disk(tmp_path: Path) -> None:
    assert ADAPTER.storage is not None
    driver = ADAPTER.storage.connect(LocalSettings(path=str(tmp_path / "new")))
    assert driver.native == tmp_path / "new"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("number", BY_ERRNO)
def test_every_error_of_the_table_is_translated_with_its_cause(number: int) -> None:
    with pytest.raises(BY_ERRNO[number]) as caught, translated():
        raise OSError(number, "as the system says it")
    assert isinstance(caught.value.__cause__, OSError)


def test_an_error_that_is_not_in_the_table_is_still_ours() -> None:
    with pytest.raises(PortableError) as caught, translated():
        raise OSError(99999, "odd")
    assert type(caught.value) is PortableError


def test_errors_of_ours_pass_as_they_are() -> None:
    with pytest.raises(NotFound, match="gone") as caught, translated():
        raise NotFound("gone")
    assert caught.value.__cause__ is None
    assert not NoSpace("full").retryable
