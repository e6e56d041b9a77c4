"""The device and the threads that a command runs on."""

import torch

from ..config import RunSettings
from .errors import UsageError


def prepare_device(run: RunSettings) -> torch.device:
    """Sets the number of threads, makes convolutions on a GPU reproducible, and returns the device of --device.

    Raises:
        UsageError: the device does not exist here.
    """
    if run.threads:
        torch.set_num_threads(run.threads)
    torch.backends.cudnn.deterministic = True
    return find_device(run.device)


def find_device(name: str) -> torch.device:
    """Returns the device of that name; auto is a CUDA GPU if there is one.

    Raises:
        UsageError: it does not exist here, or holds no data, as torch's `meta` device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError):
        raise UsageError(f"device {name!r} is not available here: cpu, cuda, cuda:N, mps or auto") from None
    return device
