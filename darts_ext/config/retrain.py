"""Settings of training a chosen network from scratch."""

from dataclasses import dataclass, field

from .ranges import AT_LEAST_ONE, EVEN, NOT_NEGATIVE, SHARE
from .training import AveragingSettings, LayerSettings, SgdSettings


@dataclass(frozen=True)
class RetrainSettings(AveragingSettings, LayerSettings, SgdSettings):
    """Training of the chosen network from scratch; defaults are those of Liu et al. (2019), which are meant for a
    GPU."""

    epochs: int = field(default=600, metadata=AT_LEAST_ONE)
    """Epochs."""
    batch_size: int = field(default=96, metadata=AT_LEAST_ONE)
    """Images in a batch."""
    channels: int = field(default=36, metadata=EVEN)
    """Channels of the first cells (16 is NAS-Bench-201's); mlp: width of the layers."""
    layers: int = field(default=20, metadata=AT_LEAST_ONE)
    """Cells (DARTS spaces) or cells per stage (nasbench201; 5 is the benchmark's); the genotype of mlp has its own."""
    node_scale: float | None = None
    """Gamma, in [0, 1], of unequal fixed scales of the nodes behind every activation (mlp) or of the channels behind
    every convolution (Caron et al. 2023), so that those of small scale can be pruned: `retrain` says what is left then.
    By default none."""
    auxiliary_weight: float = field(default=0.0, metadata=NOT_NEGATIVE)
    """Weight of the auxiliary head's loss; 0 builds none (0.4 in the paper)."""
    drop_path: float = field(default=0.0, metadata=SHARE)
    """Drop-path rate reached at the last epoch (0.2 in the paper)."""
