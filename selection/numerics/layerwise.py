"""The kernel in eval mode, where no sample depends on another: layer by layer, in blocks of inputs."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..preserve import draw_from
from .blocks import Take, assemble
from .capture import Capture
from .logits import check_logits, refuse_nan
from .persample import PerSample
from .state import call_with
from .statistics import check_running_statistics, frozen_statistics

Cotangents = Callable[[Tensor, slice], list[Tensor]]


def layerwise_kernel(
    model: nn.Module,
    state: dict[str, Tensor],
    names: list[str],
    off: Collection[nn.Module],
    x: Tensor,
    x2: Tensor | None,
    cotangents: Cotangents,
    *,
    frozen: bool,
    block: int | None,
    seed: int,
) -> tuple[Tensor, str | None]:
    """Returns the kernel, and a note on the parameters that have no formula.

    Args:
        frozen: whether BatchNorms use the statistics of x, or their running ones.
        others: see `gram`.
    """
    model.eval()
    if frozen:
        statistics = partial(frozen_statistics, model, off)
    else:
        check_running_statistics(model, off)
        statistics = nullcontext
    capture = Capture(model, state, names, off)
    per_sample = PerSample(model, state)
    turns = [slice(None)]
    in_parts = block is not None or x2 is not None
    if in_parts:  # the statistics are those of the whole x; a cotangent a turn, so that factors of one only are kept
        example = x if frozen else x[:2]
        with torch.no_grad(), statistics():
            logits = check_logits(call_with(model, state, example), len(example))
        directions = cotangents(logits, slice(len(logits)))
        turns = [slice(k, k + 1) for k in range(len(directions))]
        statistics = nullcontext

    passage = _Passage(model, capture, per_sample, cotangents, statistics, seed)
    dtype = state[names[0]].dtype
    while True:
        uncovered_before = len(capture.uncovered)
        kernel: Any = sum(assemble(partial(passage, turn), x, x2, block, dtype) for turn in turns)
        if not in_parts or len(capture.uncovered) == uncovered_before:
            break  # else what was kept of the first passages is not what the last ones have met with
    if not capture.uncovered:
        return kernel, None
    return kernel, f"no layerwise formula for {', '.join(sorted(capture.uncovered))}; taken by {per_sample.way}"


class _Passage:
    """A forward pass of some inputs, and a backward pass for each of their cotangents.

    Called with a slice of the cotangents, inputs [b, ...], the slice of all inputs that they are, and a function that
    takes the factors, by name.
    """

    def __init__(
        self,
        model: nn.Module,
        capture: Capture,
        per_sample: PerSample,
        cotangents: Cotangents,
        statistics: Callable[[], AbstractContextManager],
        seed: int,
    ):
        self.model = model
        self.capture = capture
        self.per_sample = per_sample
        self.cotangents = cotangents
        self.statistics = statistics
        self.seed = seed

    def __call__(self, turn: slice, inputs: Tensor, rows: slice, take: Take) -> None:
        capture = self.capture
        noise = self.seed + rows.start  # the noise of these inputs, whenever they pass
        draw_from(noise, self.model)
        with self.statistics():
            logits = refuse_nan(capture.forward(inputs))
        capture.try_rows(inputs)
        directions = self.cotangents(logits, rows)[turn]
        for number, v in enumerate(directions, start=1):
            capture.backward(logits, v, take, keep=number < len(directions))
            if capture.uncovered:
                names = sorted(capture.uncovered)
                take("others", self.per_sample.rows(names, inputs, v.detach(), noise))
