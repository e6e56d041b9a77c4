"""One thread for every test and for the processes that it starts: results are then the same on every machine, and
processes that run side by side do not fight for cores."""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

torch.set_num_threads(1)
