"""Seeds that depend on the epoch, so that a resumed run draws what the uninterrupted run would have drawn."""

import hashlib

import torch


def derive_seed(seed: int, stage: str, epoch: int) -> int:
    """Returns a seed that depends on seed, stage and epoch alone; Python's hash() would differ between processes."""
    key = f"{seed}/{stage}/{epoch}"
    digest = hashlib.blake2b(key.encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big")


def seed_epoch(seed: int, stage: str, epoch: int) -> None:
    """Sets torch's global generators (CPU and GPU) to a state that depends on seed, stage and epoch alone."""
    torch.manual_seed(derive_seed(seed, stage, epoch))
