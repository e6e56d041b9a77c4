"""One thread for every test and for the processes that it starts: results are then the same on every machine, and
processes that run side by side do not fight for cores."""

import gc
import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

torch.set_num_threads(1)


def pytest_configure() -> None:
    """Collects garbage seldom: what torch has imported stays, and looking through it took a twelfth of the time."""
    gc.set_threshold(100_000, 50, 50)
    gc.freeze()
