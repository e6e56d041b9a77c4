"""Seeds that depend on the epoch, so that a resumed run draws what the uninterrupted run would have drawn."""

import hashlib

import torch


def seed_epoch(seed: int, stage: str, epoch: int) -> None:
    """Sets torch's global generators (CPU and GPU) to a state that depends on seed, stage and epoch alone."""
    key = f"{seed}/{stage}/{epoch}"
    digest = hashlib.blake2b(key.encode(), digest_size=7).digest()
    torch.manual_seed(int.from_bytes(digest, "big"))
