"""The dominant eigenvalue of the Hessian of the validation loss in alpha.

As it grows, what alpha chooses loses more when the mixture is given up (RobustDARTS, Zela et al. 2020).
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from torch import Tensor

from supernet import Supernet


def find_dominant_eigenvalue(net: Supernet, compute_loss: Callable[[], Tensor]) -> float:
    """Returns the largest eigenvalue, by Lanczos' iteration: two backward passes a step, and no matrix.

    Args:
        net: in the mode in which it is to be looked at.
        compute_loss: of one pass.
    """
    alphas = net.arch_parameters()
    sizes = [alpha.numel() for alpha in alphas]
    gradients = torch.autograd.grad(compute_loss(), alphas, create_graph=True, materialize_grads=True)

    def multiply(vector: np.ndarray) -> np.ndarray:
        parts = torch.as_tensor(vector, device=alphas[0].device, dtype=alphas[0].dtype).flatten().split(sizes)
        directions = [part.view_as(alpha) for part, alpha in zip(parts, alphas)]
        products = torch.autograd.grad(gradients, alphas, directions, retain_graph=True, materialize_grads=True)
        return torch.cat([product.flatten() for product in products]).double().cpu().numpy()

    if not any(gradient.requires_grad for gradient in gradients):
        return 0.0
    size = sum(sizes)
    hessian = LinearOperator((size, size), matvec=multiply, dtype=np.float64)  # pyright: ignore[reportCallIssue]
    start = np.random.default_rng(0).normal(size=size)
    try:
        (largest,) = eigsh(hessian, k=1, which="LA", v0=start, tol=1e-4, return_eigenvectors=False)
    except ArpackError:  # as of a flat loss, whose products are zeros or rounding noise
        dense = hessian @ np.eye(size)
        largest = np.linalg.eigvalsh((dense + dense.T) / 2)[-1]
    return float(largest)
