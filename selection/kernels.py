"""The neural tangent kernel of a network, and the Gram matrices of its loss gradients and of its Fisher information.

All are K_ij = <J_i, J_j>, where J_i is the gradient of a function of sample i's logits by the network's weights. This
module knows which parameters are weights (a supernet's alphas are not) and which modules are switched off;
`numerics.gram` forms the products.

A kernel leaves the model's mode, buffers and gradients, the inputs and torch's random state as they were. Parameters
for which there is no formula (see `numerics.layers`), or whose layer does not keep a row for each sample, are taken by
per-sample gradients, with a warning that names them.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .alphas import find_alphas
from .errors import SelectionError
from .gates import switched_off
from .losses import Loss, compute_loss, settle_loss
from .numerics.gram import Cotangents, gram, is_count
from .numerics.logits import output_of_one
from .structures import take

_SHARED = ("parameters", "batchnorm", "dtype", "block", "seed")
GRAM_SETTINGS = ("loss", *_SHARED)  # what `loss_gram` takes by keyword
FISHER_SETTINGS = _SHARED  # what `fisher_gram` takes by keyword
NTK_SETTINGS = ("outputs", *_SHARED)  # what `ntk` takes by keyword
Rule = Callable[[str, nn.Parameter], bool]


def ntk(
    model: nn.Module,
    x: Tensor,
    x2: Tensor | None = None,
    *,
    outputs: str | int = "sum",
    parameters: str | Rule = "all",
    batchnorm: str = "frozen",
    dtype: torch.dtype | str = torch.float64,
    block: int | None = None,
    seed: int = 0,
) -> Tensor:
    """The neural tangent kernel on a batch (Jacot et al. 2018), exact, for about one forward and one backward pass.

    Args:
        x: inputs [B, ...]. x2: a second batch [B2, ...] for a cross kernel.
        outputs: "sum" of the logits (TE-NAS, Chen et al. 2021), "trace" over the logits (one backward pass each), an
            int: the mean over so many random projections, which estimates the trace, or "full": of each logit with each
            (the passes of B C inputs).
        parameters: "all", "weight" (names that contain "weight", as TE-NAS), or a predicate(name, parameter). A
            supernet's alphas never count.
        batchnorm: "frozen" (x's statistics, taken as constants), "running" (running statistics, as in eval mode), or
            "coupled" (training mode: a sample's logits depend on the others; one backward pass a sample).
        dtype: of the whole computation, or its name; float64, because the smallest eigenvalue is lost in float32. Where
            the network's device has no float64, it is float32, with a warning.
        block: inputs a side of the blocks that the kernel is put together from, None for all at once: memory is that of
            two blocks, and n blocks take about n/2 times as long. With "frozen" a pass without gradients takes the
            statistics of the whole x first.
        seed: of the random projections and of the network's own noise, which is drawn anew for each block.

    Returns:
        [B, B] or [B, B2], not divided by the number of outputs; if "full", [B C, B C] or [B C, B2 C], all C logits of
        the first input first.

    Raises:
        SelectionError: fewer than two inputs, an unknown setting, an output that is not logits [B, K], or logits or
            gradients that are not finite.

    >>> ntk(nn.Linear(2, 1, bias=False), torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
    tensor([[1., 1.],
            [1., 2.]], dtype=torch.float64)
    """
    if not isinstance(x, Tensor):
        raise SelectionError(f"x is a tensor of inputs [B, ...], not a {type(x).__name__}")
    cotangents = _output_cotangents(outputs, seed)
    settings = {"parameters": parameters, "batchnorm": batchnorm, "dtype": dtype, "block": block, "seed": seed}
    if outputs == "full" and len(x) > 1:
        return _form_full(model, x, x2, cotangents, **settings)
    return _form(model, x, x2, cotangents, **settings)


def loss_gram(
    model: nn.Module,
    x: Tensor,
    y: Any,
    *,
    loss: Loss = None,
    parameters: str | Rule = "all",
    batchnorm: str = "frozen",
    dtype: torch.dtype | str = torch.float64,
    block: int | None = None,
    seed: int = 0,
) -> Tensor:
    """The products of the samples' loss gradients [B, B]; settings as in `ntk`.

    Args:
        y: the targets of x, as labels [B].
        loss: of each sample alone; see `losses.compute_loss`. By default what the targets ask for.
    """

    def cotangents(logits: Tensor, rows: slice) -> list[Tensor]:
        outputs = logits.detach().requires_grad_()
        with torch.enable_grad():
            losses = compute_loss(outputs, take(y, rows), settle_loss(loss, outputs, [y]), "none")
        return list(torch.autograd.grad(losses.sum(), outputs))

    settings = {"parameters": parameters, "batchnorm": batchnorm, "dtype": dtype, "block": block, "seed": seed}
    return _form(model, x, None, cotangents, **settings)


def fisher_gram(
    model: nn.Module,
    x: Tensor,
    *,
    parameters: str | Rule = "all",
    batchnorm: str = "frozen",
    dtype: torch.dtype | str = torch.float64,
    block: int | None = None,
    seed: int = 0,
) -> Tensor:
    """The products of the scores sqrt(p_k) grad log p_k of every input and class, which is the kernel of all logits
    weighted by diag(p) - p p'; settings as in `ntk`.

    Divided by B, its eigenvalues are those of the Fisher information mean_i sum_k p_ik grad log p_ik grad log p_ik'
    and zeros: at least one an input, because the scores of an input are dependent.

    Returns:
        [B C, B C], all classes of the first input first.
    """

    def cotangents(logits: Tensor, rows: slice) -> list[Tensor]:
        chances = logits.detach().softmax(1)
        (mine,) = _take_one(logits, rows)
        return [(mine * chances).sum(1, keepdim=True).sqrt() * (mine - chances)]

    settings = {"parameters": parameters, "batchnorm": batchnorm, "dtype": dtype, "block": block, "seed": seed}
    return _form_full(model, x, None, cotangents, **settings)


def _form(
    model: nn.Module, x: Tensor, x2: Tensor | None, cotangents: Cotangents, *, parameters: str | Rule, **settings
) -> Tensor:
    names = _choose_weights(model, parameters)
    return gram(model, x, x2, cotangents, names=names, off=switched_off(model), **settings)


def _form_full(
    model: nn.Module, x: Tensor, x2: Tensor | None, cotangents: Cotangents, *, block: int | None, **settings
) -> Tensor:
    """Forms the products of an input for each of its logits; the statistics of BatchNorms stay what they are."""
    count = output_of_one(model, x).numel()
    x = x.repeat_interleave(count, 0)
    x2 = None if x2 is None else x2.repeat_interleave(count, 0)
    return _form(model, x, x2, cotangents, block=block and block * count, **settings)


def _take_one(logits: Tensor, rows: slice) -> list[Tensor]:
    """Returns the direction of one logit for each input, in turn."""
    count, first = logits[0].numel(), rows.start or 0
    turns = torch.arange(first, first + len(logits), device=logits.device) % count
    return [F.one_hot(turns, count).to(logits).reshape(logits.shape)]


def _output_cotangents(outputs: str | int, seed: int) -> Cotangents:
    """Returns the function from logits [b, K, ...] to the directions in which the kernel takes them, of their shape."""
    if outputs not in ("sum", "trace", "full") and not is_count(outputs):
        raise SelectionError(f"outputs is 'sum', 'trace', 'full' or a number of random projections, not {outputs!r}")

    def add_up(logits: Tensor, _: slice) -> list[Tensor]:
        return [torch.ones_like(logits)]

    def take_each(logits: Tensor, _: slice) -> list[Tensor]:
        directions = []
        for k in range(logits[0].numel()):
            flat = torch.zeros_like(logits).flatten(1)
            flat[:, k] = 1.0
            directions.append(flat.reshape(logits.shape))
        return directions

    def project(logits: Tensor, _: slice) -> list[Tensor]:
        count = cast(int, outputs)
        generator = torch.Generator().manual_seed(seed)
        signs = torch.randint(0, 2, (count, *logits.shape[1:]), generator=generator, device="cpu") * 2.0 - 1
        return [row.to(logits).expand_as(logits) / count**0.5 for row in signs]

    if is_count(outputs):
        return project
    return {"sum": add_up, "trace": take_each, "full": _take_one}[str(outputs)]


def _choose_weights(model: nn.Module, parameters: str | Rule) -> list[str]:
    """Returns the names of the parameters that a kernel is taken by."""
    rules = {"all": lambda name, p: True, "weight": lambda name, p: "weight" in name}
    rule = rules.get(parameters, parameters) if isinstance(parameters, str) else parameters
    if not callable(rule):
        raise SelectionError(f"parameters is 'all', 'weight' or a predicate(name, parameter), not {parameters!r}")
    is_alpha = find_alphas(model)
    names = [name for name, p in model.named_parameters() if not is_alpha(p) and rule(name, p)]
    if not names:
        raise SelectionError("no parameter is left to differentiate by")
    return names
