"""A disk that is full, read-only or broken: one line, nothing lost, and the same command goes on once there is room."""

import errno
import os
from contextlib import suppress

import pytest
import torch
from small_disks import mounted

from darts_ext.cli import main
from darts_ext.rank import Build, RankInputs, Task, read_scores, score_tasks
from darts_ext.runtime.errors import UsageError
from darts_ext.runtime.files import load_checkpoint, write_whole

TRAINING = (
    "--data digits --train_limit 80 --test_limit 40 --batch_size 40 --threads 1 --space tiny --channels 2 --layers 2 "
    "--epochs 2"
)
COMPARE = (
    f"compare {TRAINING} --seeds 1 --criteria magnitude,random "
    "--retrain.epochs 1 --retrain.channels 4 --retrain.layers 2 --retrain.batch_size 40"
)
CELL = "|skip_connect~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"


def find_drafts(folder):
    return [path for path in folder.rglob("*") if path.name.endswith((".part", ".lock"))]


@pytest.fixture
def disk(tmp_path):
    with mounted(tmp_path / "disk", "64k") as disk:
        yield disk


@pytest.fixture
def stopped_for(capsys):
    """stopped_for(reason, "search", ...): the command exits with 2 after one last line that says the reason."""

    def run(reason, *argv):
        capsys.readouterr()
        assert main([str(word) for word in argv]) == 2
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert last.startswith("run_darts.py: ")
        assert reason in last

    return run


# in turn: settings, a folder of a supernet, its second checkpoint, a retrained network, the report
@pytest.mark.parametrize("size", ["4k", "16k", "100k", "200k", "280k"])
def test_a_comparison_on_a_full_disk_goes_on_when_there_is_room(disk, stopped_for, size):
    disk.remount(f"size={size}")
    out = disk.folder / "run"
    stopped_for("cannot be written (No space left on device)", *COMPARE.split(), "--out", out)
    assert not find_drafts(out)
    disk.remount("size=8m")
    assert main([*COMPARE.split(), "--out", str(out)]) == 0
    assert (out / "report.html").exists()


def test_a_ranking_on_a_full_disk_goes_on_when_there_is_room(disk):
    tasks = [Task(index, CELL, 0, ("parameters", "flops")) for index in range(3)]
    settings = Build(2, 1, num_classes=2, in_chans=1, initialisation="default", seed=0)
    inputs = RankInputs(torch.zeros(2, 1, 8, 8), torch.tensor([0, 1]), torch.zeros(2, 1, 8, 8))
    path, filler = disk.folder / "scores.csv", disk.folder / "filler"
    path.write_text("index,repeat,measure,value,seconds\n0,0,parameters,1.0,0.1\n" + "9,9,parameters,1.0,0.1\n" * 172)
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"0" * 4096):
            pass
    with pytest.raises(UsageError, match=r"scores.csv cannot be written .No space left"):
        list(score_tasks(tasks, settings, lambda repeat: inputs, path))
    filler.unlink()
    assert list(score_tasks(tasks, settings, lambda repeat: inputs, path))[-1] == 3
    assert {(row["index"], row["measure"]) for row in read_scores(path)} >= {
        (str(task.index), measure) for task in tasks for measure in task.measures
    }


def test_a_read_only_disk_is_said_in_one_line(disk, stopped_for):
    disk.remount("size=8m")
    out = disk.folder / "run"
    assert main(["search", *TRAINING.split(), "--out", str(out)]) == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    disk.remount("ro")
    for words in (
        ["search", *TRAINING.split(), "--out", out],
        ["search", *TRAINING.split(), "--out", disk.folder / "other"],
        ["select", out, "--criterion", "magnitude"],
        ["report", out],
    ):
        stopped_for("cannot be written (Read-only file system)", *words)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("builtins.open", errno.EROFS),
        ("builtins.open", errno.EACCES),
        ("os.fsync", errno.ENOSPC),
        ("os.fsync", errno.EDQUOT),
        ("os.replace", errno.EIO),
    ],
)
def test_a_fault_keeps_the_old_file_and_leaves_no_draft(tmp_path, monkeypatch, where, number):
    path = tmp_path / "file"
    write_whole(path, "old")

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(where, fail)
        with pytest.raises(UsageError, match=f"{path} cannot be written .{os.strerror(number)}"):
            write_whole(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_an_interrupt_leaves_no_draft(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "file", "new")
    assert not list(tmp_path.iterdir())


def test_content_is_on_the_disk_before_its_name_and_the_name_before_the_end(tmp_path, monkeypatch):
    """A power cut between any two of these calls leaves the old file or the new."""
    calls = []
    sync, replace = os.fsync, os.replace

    def record_sync(descriptor):
        calls.append(os.path.realpath(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    def record_replace(*names):
        calls.append("replace")
        replace(*names)

    monkeypatch.setattr("os.fsync", record_sync)
    monkeypatch.setattr("os.replace", record_replace)
    write_whole(tmp_path / "file", "new")
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("descriptors have no names here")
    assert calls == [str(tmp_path / ".file.part"), "replace", str(tmp_path)]


@pytest.mark.parametrize("out", ["file/run", "file", "x" * 300])
def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path, fails, out):
    (tmp_path / "file").write_text("in the way")
    fails("search", *TRAINING.split(), "--out", tmp_path / out, says=[str(tmp_path / out)[-40:]])
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_folder_in_the_place_of_a_file_is_said_in_one_line(tmp_path, stopped_for):
    (tmp_path / "run").mkdir()
    assert main(["search", *TRAINING.split(), "--out", str(tmp_path / "run")]) == 0
    (tmp_path / "run" / "summary.csv").unlink()
    (tmp_path / "run" / "summary.csv").mkdir()
    stopped_for(
        "summary.csv cannot be written (Is a directory)", "search", *TRAINING.split(), "--out", tmp_path / "run"
    )


@pytest.mark.parametrize("kept", [0, 0.5])
def test_a_checkpoint_that_a_power_cut_has_shortened_is_named(tmp_path, kept):
    assert main(["search", *TRAINING.split(), "--out", str(tmp_path)]) == 0
    path = tmp_path / "search" / "last.pt"
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UsageError, match=r"last.pt cannot be read as a checkpoint .*: delete it to start anew"):
        load_checkpoint(path)


@pytest.mark.parametrize("name", ["scores.json", "genotype.json"])
def test_a_choice_that_a_power_cut_has_spoilt_is_made_anew(tmp_path, name):
    assert main([*COMPARE.split(), "--out", str(tmp_path)]) == 0
    path = tmp_path / "seed0" / "magnitude" / name
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    assert main([*COMPARE.split(), "--out", str(tmp_path)]) == 0
    assert path.read_text()[:40] == whole[:40]
    assert len(path.read_text()) > len(whole) // 2


def test_scores_that_a_power_cut_has_spoilt_are_dropped_and_the_rest_kept(tmp_path):
    path = tmp_path / "scores.csv"
    whole = "index,repeat,measure,value,seconds\n1,0,naswot,3.5,0.1\n"
    for spoilt in ("2,0,nas", "2,0,nas\0\0\0\0", "\0\0\0\n\0"):
        path.write_text(whole + spoilt)
        assert [row["index"] for row in read_scores(path)] == ["1"]
        assert path.read_text() == whole
