"""The empirical neural tangent kernel, by vmap over grad."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from ..errors import SelectionError
from ..preserve import preserved

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def ntk(
    model: nn.Module, x: Tensor, x2: Tensor | None = None, *,
    parameters: str | Callable[[str, nn.Parameter], bool] = "all", batchnorm: str = "frozen", dtype: torch.dtype = torch.float64,
) -> Tensor:  # fmt: skip
    """The kernel K_ij = <grad f(x_i), grad f(x_j)>, f the sum of the logits (Jacot et al. 2018; the sum as in TE-NAS, Chen et al. 2021).

    Args:
        x: inputs [B, ...]. x2: a second batch [B2, ...] for a cross kernel.
        parameters: "all", "weight" (names that contain "weight", as TE-NAS), or a predicate(name, parameter). A supernet's alphas never count.
        batchnorm: "frozen" (x's batch statistics, taken as constants) or "running" (running statistics, as in eval mode).
        dtype: of the whole computation; float64, because the smallest eigenvalue is lost in float32.

    Returns:
        [B, B] or [B, B2]; the model's mode, buffers and gradients are left as they were.

    Raises:
        SelectionError: fewer than two inputs, or an unknown setting.

    >>> x = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    >>> ntk(nn.Linear(2, 1, bias=False), x)
    tensor([[1., 1.],
            [1., 2.]], dtype=torch.float64)
    """
    if len(x) < 2:
        raise SelectionError(f"a kernel needs at least 2 inputs, not {len(x)}")
    if batchnorm not in ("frozen", "running"):
        raise SelectionError(f"batchnorm is 'frozen' or 'running', not {batchnorm!r}")
    chosen = {name: p.detach().to(dtype) for name, p in _chosen(model, parameters).items()}
    fixed = {name: p.detach().to(dtype) for name, p in model.named_parameters() if name not in chosen}
    fixed |= {name: b.detach().clone().to(dtype) if b.is_floating_point() else b.clone() for name, b in model.named_buffers()}
    x = x.to(dtype)

    def f(p: dict[str, Tensor], one: Tensor) -> Tensor:
        return functional_call(model, (p, fixed), one[None]).sum()

    def jacobian(inputs: Tensor) -> Tensor:
        gradients = vmap(grad(f), in_dims=(None, 0), randomness="different")(chosen, inputs)
        return torch.cat([g.flatten(1) for g in gradients.values()], dim=1)

    with preserved(model):
        model.eval()
        if batchnorm == "frozen":
            with _statistics_of_batch(model, fixed), torch.no_grad():
                functional_call(model, (chosen, fixed), x)
        rows = jacobian(x)
        return rows @ (rows if x2 is None else jacobian(x2.to(dtype))).T


@contextmanager
def _statistics_of_batch(model: nn.Module, buffers: dict[str, Tensor]) -> Iterator[None]:
    """While one batch passes, each BatchNorm's running statistics in `buffers` become its input's, before it uses them."""

    def record(name: str) -> Callable:
        def hook(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            over = [axis for axis in range(inputs[0].dim()) if axis != 1]
            var, mean = torch.var_mean(inputs[0], over, correction=0)
            buffers[f"{name}.running_mean"].copy_(mean)
            buffers[f"{name}.running_var"].copy_(var)

        return hook

    norms = {name: module for name, module in model.named_modules() if isinstance(module, _NORMS)}
    for name, norm in norms.items():
        if norm.running_mean is None:
            raise SelectionError(f"{name} keeps no running statistics to freeze")
    handles = [norm.register_forward_pre_hook(record(name)) for name, norm in norms.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _chosen(model: nn.Module, parameters: str | Callable[[str, nn.Parameter], bool]) -> dict[str, nn.Parameter]:
    alphas = {row.untyped_storage().data_ptr() for row in model.logits().values()} if hasattr(model, "logits") else set()
    rules = {"all": lambda name, p: True, "weight": lambda name, p: "weight" in name}
    rule = rules.get(parameters, parameters)
    if not callable(rule):
        raise SelectionError(f"parameters is 'all', 'weight' or a predicate(name, parameter), not {parameters!r}")
    chosen = {name: p for name, p in model.named_parameters() if p.untyped_storage().data_ptr() not in alphas and rule(name, p)}
    if not chosen:
        raise SelectionError("no parameter is left to differentiate by")
    return chosen
