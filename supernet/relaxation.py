"""Relaxations: how the alphas of a choice become the weights by which its options are mixed.

A relaxation answers three questions of alphas [..., options]. While the network trains, `weigh` gives the weights; they
may be drawn, and their gradient moves the alphas. In eval mode `expect` gives them, without chance. And `rank` is what
options and edges are compared by when alpha decides.
"""

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.distributions import Dirichlet, kl_divergence
from torch.nn import functional as F

from .errors import SpaceError, unknown


class Relaxation:
    """Softmax of alpha (DARTS, Liu et al. 2019, eq. 2), and the base of the others.

    Whoever trains sets `progress`, the share of the training that is done, for those that change on the way. Draws come
    from torch's generator of the CPU, so that every device draws the same.

    >>> Relaxation().weigh(torch.zeros(2, 4))[0].tolist()
    [0.25, 0.25, 0.25, 0.25]
    """

    name = "softmax"
    adds_up = True  # whether weights are shares of 1, all of them computed
    one_path = False  # whether all weights but one are exactly 0 while training, so that one option is computed
    trains_alphas = True

    def __init__(self) -> None:
        self.progress = 0.0

    def weigh(self, alpha: Tensor) -> Tensor:
        """Returns weights [..., options] for training, with a gradient."""
        return alpha.softmax(-1)

    def expect(self, alpha: Tensor) -> Tensor:
        """Returns the weights without chance, as in eval mode."""
        return alpha.softmax(-1)

    def rank(self, alpha: Tensor) -> Tensor:
        """Returns what options are compared by, larger is better."""
        return self.expect(alpha)

    def commit(self, chosen: Tensor) -> Tensor:
        """Returns alphas at which the option of a one-hot row [options] has weight 1, the others 0 and no gradient."""
        return 1e4 * (2.0 * chosen - 1.0)

    def penalty(self, alphas: list[Tensor]) -> Tensor | None:
        """Returns what is added to the loss of the alphas; None where nothing is."""
        return None


R = TypeVar("R", bound=type[Relaxation])
_RELAXATIONS: dict[str, type[Relaxation]] = {"softmax": Relaxation}


def register_relaxation(name: str) -> Callable[[R], R]:
    """Makes a class known as a relaxation of that name.

    >>> @register_relaxation("sharp")
    ... class Sharp(Relaxation):
    ...     def weigh(self, alpha):
    ...         return (4 * alpha).softmax(-1)
    >>> "sharp" in list_relaxations()
    True
    >>> del _RELAXATIONS["sharp"]
    """

    def register(cls: R) -> R:
        if name in _RELAXATIONS:
            raise SpaceError(f"there is a relaxation {name} already: give yours another name")
        cls.name = name
        _RELAXATIONS[name] = cls
        return cls

    return register


def list_relaxations() -> list[str]:
    """Returns the names that `create_relaxation` takes.

    >>> list_relaxations()[:4]
    ['dirichlet', 'fair_path', 'gdas', 'gumbel']
    """
    return sorted(_RELAXATIONS)


def create_relaxation(name: str | Relaxation, **settings: float) -> Relaxation:
    """Creates a relaxation by its name.

    Args:
        settings: what its class takes, as `temperature=5`.

    Raises:
        SpaceError: an unknown name or setting.
    """
    if isinstance(name, Relaxation):
        return name
    if not isinstance(name, str) or name not in _RELAXATIONS:
        raise unknown("relaxation", name, _RELAXATIONS)
    try:
        return _RELAXATIONS[name](**settings)
    except TypeError:
        if not settings:
            raise
        raise SpaceError(f"relaxation {name} does not take {', '.join(settings)}") from None


@register_relaxation("sigmoid")
class Sigmoid(Relaxation):
    """Sigmoid of alpha: options do not compete (FairDARTS, Chu et al. 2020).

    Args:
        zero_one: weight of the zero-one loss -mean((sigmoid(alpha) - 1/2)^2) (ibid.), which drives every option
            towards in or out.

    >>> Sigmoid().weigh(torch.zeros(3)).tolist()
    [0.5, 0.5, 0.5]
    """

    adds_up = False

    def __init__(self, zero_one: float = 10.0) -> None:
        super().__init__()
        self.zero_one = zero_one

    def weigh(self, alpha: Tensor) -> Tensor:
        return alpha.sigmoid()

    def expect(self, alpha: Tensor) -> Tensor:
        return alpha.sigmoid()

    def penalty(self, alphas: list[Tensor]) -> Tensor | None:
        flat = torch.cat([alpha.flatten() for alpha in alphas])
        return -self.zero_one * (flat.sigmoid() - 0.5).square().mean() if self.zero_one else None


@register_relaxation("dirichlet")
class DirichletRelaxation(Relaxation):
    """Weights drawn from Dirichlet(elu(alpha) + 1), with pathwise gradients (DrNAS, Chen et al. 2021).

    Args:
        kl: weight of the divergence from Dirichlet(1), which keeps the draws apart (ibid.); the authors' code
            leaves it to the weight decay of alpha.

    In eval mode the weights are the mean of the distribution. Options are ranked by softmax(alpha), as by its authors.
    """

    def __init__(self, kl: float = 0.0) -> None:
        super().__init__()
        self.kl = kl

    def weigh(self, alpha: Tensor) -> Tensor:
        return Dirichlet(_concentrate(alpha).cpu()).rsample().to(alpha.device)

    def expect(self, alpha: Tensor) -> Tensor:
        concentration = _concentrate(alpha)
        return concentration / concentration.sum(-1, keepdim=True)

    def rank(self, alpha: Tensor) -> Tensor:
        return alpha.softmax(-1)

    def penalty(self, alphas: list[Tensor]) -> Tensor | None:
        if not self.kl:
            return None
        terms = []
        for alpha in alphas:
            concentration = _concentrate(alpha)
            terms.append(kl_divergence(Dirichlet(concentration), Dirichlet(torch.ones_like(concentration))).sum())
        return self.kl * torch.stack(terms).sum()


def _concentrate(alpha: Tensor) -> Tensor:
    """elu(alpha) + 1, away from the 0 at which nothing can be drawn."""
    return (F.elu(alpha) + 1).clamp_min(1e-6)


@register_relaxation("gumbel")
class Gumbel(Relaxation):
    """softmax((log softmax(alpha) + Gumbel noise) / temperature): a smooth draw of one option (SNAS, Xie et al. 2019).

    Args:
        temperature, temperature_min: at the start and at the end of the training, linear in between.
    """

    def __init__(self, temperature: float = 10.0, temperature_min: float = 0.1) -> None:
        super().__init__()
        for value in (temperature, temperature_min):
            if not 0 < value < math.inf:
                raise SpaceError(f"a temperature is above 0, not {value!r}")
        self.temperature = temperature
        self.temperature_min = temperature_min

    def weigh(self, alpha: Tensor) -> Tensor:
        return ((alpha.log_softmax(-1) + draw_gumbel(alpha)) / self._cool()).softmax(-1)

    def _cool(self) -> float:
        return self.temperature + (self.temperature_min - self.temperature) * self.progress


@register_relaxation("gdas")
class Gdas(Gumbel):
    """One option drawn, with weight 1 and the gradient of the smooth draw: only this option is computed (GDAS, Dong &
    Yang 2019).

    Its gradient reaches alpha through the option that is drawn. The authors' code also adds the weights of the others,
    numbers that are 0, to its output, whose gradient has no meaning; here they add nothing.
    """

    adds_up = False
    one_path = True

    def weigh(self, alpha: Tensor) -> Tensor:
        smooth = super().weigh(alpha)
        return _draw_largest(smooth) * (1 + smooth - smooth.detach())


@register_relaxation("reinmax")
class Reinmax(Relaxation):
    """One option drawn, with a gradient that is right to second order (ReinMax, Liu et al. 2023, algorithm 2).

    Args:
        temperature: of the softmax that is averaged with the draw; 1 is the paper's default.
    """

    adds_up = False

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__()
        if not 0 < temperature < math.inf:
            raise SpaceError(f"a temperature is above 0, not {temperature!r}")
        self.temperature = temperature

    def weigh(self, alpha: Tensor) -> Tensor:
        return straighten(alpha, _draw_largest(alpha.detach() + draw_gumbel(alpha)), self.temperature)


def straighten(alpha: Tensor, drawn: Tensor, temperature: float = 1.0) -> Tensor:
    """Returns one-hot draws with ReinMax' gradient for alpha."""
    p0 = alpha.softmax(-1)
    halfway = (drawn + (alpha / temperature).softmax(-1)) / 2
    p1 = ((halfway.log() - alpha).detach() + alpha).softmax(-1)
    p2 = 2 * p1 - p0 / 2
    return p2 - p2.detach() + drawn


class Paths(Relaxation):
    """The base of supernets that are trained by whole architectures, drawn at random: alphas stay where they are."""

    adds_up = False
    trains_alphas = False


@register_relaxation("single_path")
class SinglePath(Paths):
    """In each step one architecture (Guo et al. 2020); the training draws it."""


@register_relaxation("fair_path")
class FairPath(Paths):
    """In each step every option of every choice once (FairNAS, Chu et al. 2021); the training draws them."""


def draw_gumbel(like: Tensor) -> Tensor:
    """Draws Gumbel noise of that shape: alpha plus noise is largest at an option with probability softmax(alpha)."""
    exponential = torch.empty(like.shape, dtype=like.dtype, device="cpu").exponential_()
    return -exponential.clamp_min(torch.finfo(like.dtype).tiny).log().to(like.device)


def _draw_largest(scores: Tensor) -> Tensor:
    """Returns 1 at the largest of each row, 0 elsewhere."""
    return F.one_hot(scores.argmax(-1), scores.shape[-1]).to(scores)
