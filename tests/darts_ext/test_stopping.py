"""Ctrl-C and SIGTERM at any moment: one line, nothing half written, and the same command goes on."""

import importlib
import signal
import subprocess
import sys
import time

import killed_command
import pytest
import torch

from darts_ext.cli import main
from darts_ext.cli.stopping import Stopped, stoppable
from darts_ext.runtime.interrupts import interrupts_kept_from_children

SEARCH = (
    "search --data digits --train_limit 80 --test_limit 40 --batch_size 20 --threads 1 --space tiny --channels 2 "
    "--layers 2 --epochs 2"
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("stopping") / "run"
    assert main([*SEARCH.split(), "--out", str(out)]) == 0
    return out


REASONS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "stopped by SIGTERM")}


@pytest.mark.parametrize(
    ("where", "number", "by"),
    [
        ("darts_ext.cli.arguments.read_arguments", 1, signal.SIGINT),  # before anything heavy is loaded
        ("os.fsync", 1, signal.SIGTERM),  # in the middle of the first file
        ("torch.nn.utils.clip_grad_norm_", 3, signal.SIGINT),  # in the middle of an epoch
        ("os.replace", 5, signal.SIGTERM),
    ],
)
def test_a_signal_ends_in_one_line_and_the_run_goes_on(whole, tmp_path, where, number, by):
    code, reason = REASONS[by]
    out, errors = tmp_path / "run", tmp_path / "errors"
    argv = [*SEARCH.split(), "--out", str(out)]
    assert killed_command.run_killed(where, number, argv, errors, by) == code
    assert errors.read_text().splitlines() == [
        f"run_darts.py: {reason}: the same command goes on from the last whole epoch or round"
    ]
    assert not [path for path in out.rglob("*") if path.name.endswith((".part", ".lock"))]
    assert main(argv) == 0
    nets = [torch.load(folder / "search" / "last.pt", weights_only=True)["stage"]["net"] for folder in (out, whole)]
    assert all(torch.equal(nets[0][name], nets[1][name]) for name in nets[1])


def test_signals_that_the_caller_ignores_stay_ignored_and_handlers_come_back():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with stoppable(is_program=False):
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) != handler
        assert signal.getsignal(signal.SIGTERM) == handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_waits_for_the_end_of_an_import(tmp_path, monkeypatch):
    """Modules that are cut short make other errors of it, or swallow it, as numpy does that torch imports."""
    (tmp_path / "swallows.py").write_text(
        "import os, signal, time\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(0.05)\n"
        "except BaseException:\n"
        "    pass\n"
        "is_whole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Stopped) as stopped, stoppable(is_program=False):
        import swallows

        assert swallows.is_whole
        time.sleep(10)
    assert stopped.value.code == 143
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_a_signal_that_comes_as_an_object_goes_is_not_lost():
    class Dying:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped), stoppable(is_program=False):
        Dying()
        time.sleep(10)


def test_a_command_that_a_module_runs_as_it_is_imported_can_be_stopped(tmp_path, monkeypatch):
    (tmp_path / "runs.py").write_text(
        "import signal, time\n"
        "from darts_ext.cli.stopping import stoppable\n"
        "def main():\n"
        "    with stoppable(is_program=False):\n"
        "        signal.raise_signal(signal.SIGTERM)\n"
        "        time.sleep(10)\n"
        "main()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Stopped):
        importlib.import_module("runs")


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="there are no masks of signals here")
def test_processes_that_work_for_another_do_not_hear_an_interrupt():
    """A terminal sends Ctrl-C to all of them, and each would print a traceback."""
    code = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    with interrupts_kept_from_children():
        deaf = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    hearing = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (deaf.stdout.strip(), hearing.stdout.strip()) == ("True", "False")
