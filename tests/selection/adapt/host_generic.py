"""Networks of no known code, whose choices a search finds or somebody gives."""

import torch
import torch.nn.functional as F
from torch import nn


class Mixed(nn.Module):
    """A weighted sum of candidates; with an alpha of its own, or weights that are handed over."""

    def __init__(self, own=False, width=4):
        super().__init__()
        self.candidates = nn.ModuleList([nn.Tanh(), nn.Linear(width, width), nn.Linear(width, width)])
        if own:
            self.strength = nn.Parameter(torch.randn(3))

    def forward(self, x, weights=None):
        weights = F.softmax(self.strength, dim=-1) if weights is None else weights
        return sum(w * candidate(x) for w, candidate in zip(weights, self.candidates))


class Own(nn.Module):
    """Two mixed operations in a row, each with an alpha of its own."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 4)
        self.rest = nn.Sequential(Mixed(own=True), Mixed(own=True))
        self.last = nn.Linear(4, 3)

    def forward(self, x):
        return self.last(self.rest(self.first(x)))


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.edges = nn.ModuleList(Mixed() for _ in range(2))

    def forward(self, x, rows):
        return sum(edge(x, F.softmax(row, dim=-1)) for edge, row in zip(self.edges, rows))


class Shared(nn.Module):
    """Three cells that share two rows of alphas: one tensor, which is no parameter, or a list of two."""

    def __init__(self, tensor=True):
        super().__init__()
        self.first = nn.Linear(6, 4)
        self.cells = nn.ModuleList(Cell() for _ in range(3))
        self.last = nn.Linear(4, 3)
        if tensor:
            self.rows = torch.randn(2, 3).requires_grad_()
        else:
            self.rows = nn.ParameterList(nn.Parameter(torch.randn(3)) for _ in range(2))

    def forward(self, x):
        x = self.first(x)
        for cell in self.cells:
            x = cell(x, self.rows)
        return self.last(x)
