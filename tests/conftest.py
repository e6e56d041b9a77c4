"""One thread for every test: results are then the same on every machine, and small operations do not wait for each
other."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

torch.set_num_threads(1)
