"""Which tensors of a forward pass have a row for each sample, followed through functions that are known to leave rows
where they are.

Most networks use no other functions, so that it need not be tried whether their layers' dimension 0 is the samples'.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .rowwise import RULES, tensors_in

FORM = (bool, int, torch.Size, torch.dtype, torch.device)  # what questions of form return


class Rows:
    """Follows the rows of x through a forward pass; `known` until they are lost sight of."""

    def __init__(self, x: Tensor):
        self.count = x.shape[:1]
        self.known = True
        self._mark = object()
        self._note_rows(x)

    def has_rows(self, tensor: Tensor) -> bool:
        """Whether the tensor is known to have a row for each sample."""
        return getattr(tensor, "_rows", None) is self._mark

    def follow(self, function: Callable, args: tuple, kwargs: dict, output: object) -> None:
        """Notes which results have rows; called for every torch function of the forward pass."""
        if not self.known:
            return
        with_rows = [tensor for tensor in tensors_in(args, kwargs) if self.has_rows(tensor)]
        if not with_rows or isinstance(output, FORM):
            return  # a function of weights only, or a question of form
        if function is torch.batch_norm_update_stats:
            return  # its moments are taken as constants (see `statistics`)
        rule = RULES.get(function)
        self.known = rule is not None and rule(args, kwargs, with_rows)
        results = output if isinstance(output, (list, tuple)) else (output,)
        for result in results:
            if not self.known:
                return
            if isinstance(result, Tensor):
                self.known = result.shape[:1] == self.count
                self._note_rows(result)

    def _note_rows(self, tensor: Any) -> None:
        tensor._rows = self._mark
