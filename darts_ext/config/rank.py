"""Settings of a ranking of training-free measures."""

from dataclasses import dataclass, field

from .ranges import AT_LEAST_ONE, EVEN


@dataclass(frozen=True)
class RankSettings:
    """Which cells of NAS-Bench-201 are scored by what; networks at initialisation, never trained."""

    measures: str = (
        "combination,parameters,flops,naswot,swap,meco,gradsign,zico,synflow,jacob_cov,ntk_min,ntk_min_relative,"
        "trainability,expressivity~noise+progressivity~noise+trainability~noise+flops"
    )
    """Measures separated by commas, among them all for every one, and combination for the shipped one. A+B+C is their
    product as ranks, minimum(A+B) and lukasiewicz(A+B) other t-norms; A~noise sees normal noise in place of images, as
    in AZ-NAS. More can be added to a run later."""
    candidates: int | str = 1000
    """Cells drawn at random by the seed, or all 15,625; those that compute the same are scored once."""
    repeats: int = field(default=1, metadata=AT_LEAST_ONE)
    """Initialisations of each cell."""
    initialisation: str = "he_fan_in"
    """How weights are drawn: default (torch's), he_fan_in, he_fan_out."""
    channels: int = field(default=16, metadata=EVEN)
    """Channels of the first cells (16 in the benchmark)."""
    layers: int = field(default=1, metadata=AT_LEAST_ONE)
    """Cells per stage (5 in the benchmark)."""
    images: int = field(default=32, metadata=AT_LEAST_ONE)
    """Images in the batch."""
    processes: int = field(default=1, metadata=AT_LEAST_ONE)
    """Processes on this machine, one thread each."""
    cluster: str = ""
    """Address of a Dask scheduler (tcp://...) that gets the work instead; needs the extra `cluster`."""
