"""One command at a time in a folder, by a lock of the operating system."""

import errno
import multiprocessing
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from darts_ext.cli import main
from darts_ext.runtime import lock
from darts_ext.runtime.errors import UsageError
from darts_ext.runtime.folder import begin_run, check_folder, claim_folder, write_settings
from darts_ext.runtime.lock import LOCK, folders_held, hold_folder

fcntl = pytest.importorskip("fcntl", reason="locks of Windows are others")

TRAINING = (
    "--data digits --train_limit 80 --test_limit 40 --batch_size 40 --threads 1 --space tiny --channels 2 --layers 2"
)
SEARCH = f"search {TRAINING} --epochs 1"
COMPARE = (
    f"compare {TRAINING} --epochs 1 --seeds 1 --criteria magnitude "
    "--retrain.epochs 1 --retrain.channels 4 --retrain.layers 2 --retrain.batch_size 40"
)
RANK = "rank --data digits --candidates 10 --measures naswot --images 8 --channels 2 --layers 1"
# another program than this one: takes the lock, says so, and waits for its end
HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "a+")
fcntl.flock(file, fcntl.LOCK_EX)
file.write("process 4711 on elsewhere")
file.flush()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE", 0)


@contextmanager
def held_elsewhere(folder):
    command = [sys.executable, "-c", HOLDER, str(folder / LOCK)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("lock") / "run"
    assert main([*SEARCH.split(), "--out", str(out)]) == 0
    assert main(["select", str(out), "--criterion", "magnitude"]) == 0
    return out


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    out = tmp_path_factory.mktemp("lock") / "comparison"
    assert main([*COMPARE.split(), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def ranking(tmp_path_factory):
    out = tmp_path_factory.mktemp("lock") / "ranking"
    assert main([*RANK.split(), "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize(
    "words",
    [
        (*SEARCH.split(), "--out", "run"),
        ("select", "run", "--criterion", "magnitude"),
        ("retrain", "run", "--epochs", "1", "--channels", "4", "--layers", "2"),
        ("report", "run"),
        (*COMPARE.split(), "--out", "comparison"),
        ("report", "comparison"),
        (*RANK.split(), "--out", "ranking"),
        ("report", "ranking"),
    ],
    ids=lambda words: f"{words[0]}-{words[-1]}",
)
def test_the_second_command_says_who_holds_the_folder_and_writes_nothing(request, fails, words):
    folders = {name: request.getfixturevalue(name) for name in ("run", "comparison", "ranking") if name in words}
    (folder,) = folders.values()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with held_elsewhere(folder):
        fails(*[folders.get(word, word) for word in words], says=["is in use by process 4711 on elsewhere"])
        (folder / LOCK).unlink()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("words", [("select", "--criterion", "magnitude"), ("retrain", "--epochs", "1"), ("report",)])
def test_a_part_of_a_comparison_is_held_with_it(comparison, tmp_path, fails, words):
    if words[0] == "retrain":
        assert main(["select", str(comparison / "seed0"), "--criterion", "magnitude"]) == 0
    name, *options = words
    with held_elsewhere(comparison):
        fails(name, comparison / "seed0", *options, says=["seed0 is in use by process 4711"])


def test_a_run_beside_others_in_one_folder_is_held_alone(tmp_path):
    write_settings(tmp_path, "search", {})
    with folders_held():
        hold_folder(tmp_path / "other", "search")
        assert (tmp_path / "other" / LOCK).exists()
        assert not (tmp_path / LOCK).exists()


def test_a_lock_is_gone_with_the_process_that_was_killed(run_killed, tmp_path):
    run_killed("os.replace", 3, [*SEARCH.split(), "--out", tmp_path / "run"])
    assert "(search, since " in (tmp_path / "run" / LOCK).read_text()
    assert main([*SEARCH.split(), "--out", str(tmp_path / "run")]) == 0
    assert not (tmp_path / "run" / LOCK).exists()


def test_a_kill_before_the_settings_were_written_leaves_a_folder_that_is_free(tmp_path):
    (tmp_path / LOCK).touch()
    assert check_folder(tmp_path, "search", {}) == tmp_path


def test_it_waits_for_one_that_is_about_to_end(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE", 30)
    with held_elsewhere(tmp_path) as process, folders_held():
        monkeypatch.setattr("time.sleep", lambda _: process.communicate())
        hold_folder(tmp_path, "search")


def test_a_folder_that_another_command_has_made_meanwhile_is_looked_at_again(tmp_path):
    out = tmp_path / "run"
    with folders_held():
        claim_folder(out, "search", {"epochs": 1})
        assert not out.exists()
        write_settings(out, "search", {"epochs": 2})
        with pytest.raises(UsageError, match="was made with epochs=2, now it is 1"):
            begin_run(out, "search", {"epochs": 1})


def test_a_file_system_without_locks_is_said_and_used(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    assert main([*SEARCH.split(), "--out", str(tmp_path)]) == 0
    assert "file system without locks: start no second command on it" in capsys.readouterr().err


def _hold_many_times(folder, number):
    lock.PATIENCE = 60
    for _ in range(number):
        with folders_held():
            hold_folder(folder, "search")
            os.close(os.open(folder / "mine", os.O_CREAT | os.O_EXCL))  # fails if there are two
            (folder / "mine").unlink()


def test_never_two_hold_a_folder_at_once(tmp_path):
    """The file goes at each end, so one may lock a file that is no longer there, and must look again."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_hold_many_times, args=(tmp_path, 40)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert not list(tmp_path.iterdir())
