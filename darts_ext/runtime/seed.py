"""Randomness as a function of what is being done, so that a resumed run repeats what the uninterrupted one would have
done."""

import hashlib

import torch


def seed_epoch(seed: int, stage: str, epoch: int) -> None:
    """Sets torch's global generators (CPU and GPU) to a state that depends on seed, stage and epoch alone."""
    digest = hashlib.blake2b(f"{seed}/{stage}/{epoch}".encode(), digest_size=7).digest()
    torch.manual_seed(int.from_bytes(digest, "big"))
