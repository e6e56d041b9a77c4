"""Ctrl-C and SIGTERM at any moment: one line, nothing half written, and the same command goes on."""

import signal
import subprocess
import sys

import killed_command
import pytest
import torch

from darts_ext.cli import main
from darts_ext.cli.stopping import stoppable
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


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="there are no masks of signals here")
def test_processes_that_work_for_another_do_not_hear_an_interrupt():
    """A terminal sends Ctrl-C to all of them, and each would print a traceback."""
    code = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    with interrupts_kept_from_children():
        deaf = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    hearing = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (deaf.stdout.strip(), hearing.stdout.strip()) == ("True", "False")
