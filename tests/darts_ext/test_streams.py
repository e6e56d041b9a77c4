"""Output to terminals of few characters, to nobody, to a full disk and to nowhere."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from darts_ext.cli import main
from darts_ext.runtime.news import say
from darts_ext.runtime.streams import prepare_streams, show

ROOT = Path(__file__).parents[2]
COMPARE = (
    "compare --data digits --train_limit 80 --test_limit 40 --batch_size 40 --threads 1 --space tiny --channels 2 "
    "--layers 2 --epochs 1 --seeds 2 --criteria magnitude "
    "--retrain.epochs 1 --retrain.channels 4 --retrain.layers 2 --retrain.batch_size 40"
)


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "utf-8"])
def test_a_terminal_of_few_characters_shows_the_others_as_escapes(tmp_path, monkeypatch, encoding):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr("sys.stdout", terminal)
    out = tmp_path / "größe"
    assert main([*COMPARE.split(), "--out", str(out)]) == 0
    terminal.flush()
    shown = terminal.buffer.getvalue().decode(encoding)
    assert (" \\xb1 " if encoding == "ascii" else " ± ") in shown  # a mean and its deviation
    assert "report.html" in shown
    assert (out / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_bytes_of_a_name_are_shown_as_they_are_in_the_c_locale(monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="surrogateescape")
    monkeypatch.setattr("sys.stdout", terminal)
    prepare_streams()
    show(os.fsdecode("größe".encode()).encode("utf-8", "surrogateescape").decode("ascii", "surrogateescape"))
    assert terminal.buffer.getvalue() == "größe\n".encode()


def test_a_comparison_whose_table_nobody_reads_still_writes_its_report(tmp_path, monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr("sys.stdout", pipe)
        monkeypatch.setattr("sys.stderr", pipe)
        assert main([*COMPARE.split(), "--out", str(tmp_path)]) == 0
        say("to nobody")
    assert (tmp_path / "report.html").exists()


def run(words, **streams):
    return subprocess.run([sys.executable, "run_darts.py", *words], cwd=ROOT, **streams)


def test_a_pipe_that_nobody_reads_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    called = run(["--help"], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (called.returncode, called.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_output_to_a_full_disk_is_said_in_one_line():
    with open("/dev/full", "w") as full:
        called = run(["--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert called.returncode == 2
    assert called.stderr == "run_darts.py: standard output cannot be written (No space left on device)\n"


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that closes streams")
def test_closed_streams_are_no_error_and_no_file_takes_their_place():
    code = (
        "import os, sys; from darts_ext.runtime.streams import prepare_streams; prepare_streams(); "
        "opened = os.open(os.devnull, os.O_RDONLY); print('lost'); print('lost', file=sys.stderr); sys.exit(opened)"
    )
    called = subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", sys.executable, "-c", code], cwd=ROOT)
    assert called.returncode >= 3
