"""`ComputeDriver.launch`: the script runs, on a machine as wanted."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from portable.testing.compute.base import STAYS, ComputeCases, Place, possible

ODD = """\
spaces  and\ttabs, trailing  \t
'quotes' "double" `ticks` $HOME ${x} $(date) %s %% \\n \\ \\\\
#cloud-config
ünïcödé 日本語 🚀 \u2028

Content-Type: multipart/mixed
--=-- ; & | < > * ? [a] {b} ~ !
"""


class LaunchCases(ComputeCases):
    """What a launch starts."""

    def test_boot_script_runs(self, place: Place) -> None:
        """Once, on a machine that is running."""
        runs = place.folder / "runs"
        info = place.launch(place.saying("up", f"echo x >> '{runs}'; while :; do sleep 0.1; done"))
        place.until_there("up")
        assert place.reaches(info.id, "running").bills
        assert place.harness.oracle.alive(info.id)
        place.until(runs.exists, lambda: "it didn't go on")
        time.sleep(0.2)
        assert runs.read_text() == "x\n"

    def test_boot_script_arrives_as_it_is(self, place: Place) -> None:
        """Whatever its bytes mean to a shell, to YAML, to MIME or to a template."""
        copy = place.folder / "copy"
        place.launch(place.saying("up", f"cat > '{copy}' <<'END'\n{ODD}END\ntouch '{copy}.done'"))
        place.until(copy.with_name("copy.done").exists, lambda: "it didn't get to its end")
        assert copy.read_bytes() == ODD.encode()

    def test_longest_boot_script_runs(self, place: Place) -> None:
        """Of as many bytes as the capability says, to the last one."""
        begin, end = "#!/bin/sh\n", place.saying("up").removeprefix("#!/bin/sh\n")
        length = min(place.able.boot_max, 200_000) - len((begin + end).encode())
        line = "# ä" + "x" * 95 + "\n"
        count, rest = divmod(length, len(line.encode()))
        place.launch(begin + line * count + "#" * max(0, rest - 1) + "\n" * bool(rest) + end)
        place.until_there("up")

    def test_launched_machine_is_as_wanted(self, place: Place) -> None:
        """Its name, type, tags and time of birth are told by the launch itself, and later."""
        wanted = place.wanted()
        info = place.launch(wanted)
        for told in (info, place.reaches(info.id, "running")):
            assert (told.id, told.name, told.machine) == (info.id, wanted.name, wanted.machine)
            assert dict(told.tags) == dict(wanted.tags)
            assert not told.spot
            assert told.raw_state
            assert told.created is not None
            assert told.created.tzinfo is UTC
            assert abs(datetime.now(UTC) - told.created) < timedelta(hours=26)
        assert info.state in ("pending", "running")
        assert place.harness.oracle.count(wanted.name) == 1

    def test_tags_of_every_length_come_back(self, place: Place) -> None:
        """As many as the capability says, with values of up to 63 characters, empty ones too."""
        tags = {
            "portable": "1",
            "portable-owner": "a_b-9",
            "portable-empty": "",
            "t" * 63: "v" * 63,
        }
        more = min(place.able.tags_max, 20) - len(tags)
        tags |= {f"tag-{n}": str(n) for n in range(more)}
        info = place.launch(tags=tags)
        assert dict(place.reaches(info.id, "pending", "running").tags) == tags

    def test_longest_name_is_taken(self, place: Place) -> None:
        """Of as many characters as the capability says."""
        name = ("pt-" + "0123456789-abcdef" * 20)[: place.able.name_max].rstrip("-")
        info = place.launch(name=name)
        assert place.reaches(info.id, "pending", "running").name == name

    def test_several_threads_launch_at_once(self, place: Place) -> None:
        """Each its own."""
        wanted = [place.wanted(place.saying(f"up-{n}")) for n in range(4)]
        with ThreadPoolExecutor(4) as pool:
            infos = list(pool.map(place.launch, wanted))
        assert [info.name for info in infos] == [each.name for each in wanted]
        assert len({info.id for info in infos}) == 4
        for n in range(4):
            place.until_there(f"up-{n}")

    def test_spot_machine_is_one(self, place: Place) -> None:
        """And is taken away as a machine that has ended."""
        if not place.able.spot:
            pytest.skip("capability spot is off")
        needs = place.wanted().needs
        info = place.launch(needs=type(needs)(cpus=needs.cpus, spot=True))
        assert place.reaches(info.id, "running").spot
        with possible():
            place.harness.oracle.preempt(info.id, 0.1)
        place.is_gone(info.id)

    def test_warned_spot_machine_has_its_time(self, place: Place) -> None:
        """Its programs are asked to end first."""
        if not place.able.spot:
            pytest.skip("capability spot is off")
        last = place.folder / "last"
        trap = f"trap 'echo > {last}; exit' TERM\n"
        script = place.saying("up").replace("\n", f"\n{trap}", 1)  # before it says that it is up
        needs = place.wanted().needs
        info = place.launch(script, needs=type(needs)(cpus=0.1, spot=True))
        place.until_there("up")
        with possible():
            place.harness.oracle.preempt(info.id, 5.0)
        place.is_gone(info.id)
        assert last.exists()

    def test_key_may_log_in(self, place: Place) -> None:
        """Where one is given; nobody may where none is."""
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJZ2k1z0zqk2b5bDkz6lXq0w9X4J0i8n0Qy9QqXQ1m5Z me@laptop"
        info = place.launch(place.saying("up"), ssh_key=key)
        place.until_there("up")
        with possible():
            assert key.split()[1] in place.harness.oracle.keys(info.id)
            other = place.launch(STAYS)
            assert place.harness.oracle.keys(other.id) == ""
