"""Settings of a ranking of training-free measures."""

from dataclasses import dataclass, field

from .ranges import AT_LEAST_ONE, EVEN, one_of


@dataclass(frozen=True)
class RankSettings:
    """Which cells of a benchmark are scored by what; networks at initialisation, never trained."""

    space: str = field(default="nasbench201", metadata=one_of("nasbench201", "transnas101"))
    """The benchmark: nasbench201, or transnas101 (TransNAS-Bench-101's micro cells, seven tasks)."""

    measures: str = (
        "combination,parameters,flops,naswot,swap,meco,gradsign,zico,synflow,jacob_cov,ntk_min,ntk_min_relative,"
        "trainability,expressivity~noise+progressivity~noise+trainability~noise+flops"
    )
    """Measures separated by commas, among them all for every one, and combination for the shipped one. A+B+C is their
    product as ranks, minimum(A+B) and lukasiewicz(A+B) other t-norms; A~noise sees normal noise in place of images, as
    in AZ-NAS. More can be added to a run later."""
    candidates: int | str = 1000
    """Cells drawn at random by the seed, or all; those of NAS-Bench-201 that compute the same are scored once."""
    neighbourhood: bool = False
    """Also score the largest cell and all that differ from it in one edge, and say which of them each measure takes, as
    the first step of a local search does."""
    repeats: int = field(default=1, metadata=AT_LEAST_ONE)
    """Initialisations of each cell."""
    initialisation: str = "he_fan_in"
    """How weights are drawn: default (torch's), he_fan_in, he_fan_out."""
    channels: int = field(default=16, metadata=EVEN)
    """Channels of the first cells (16 in NAS-Bench-201, 64 in TransNAS-Bench-101)."""
    layers: int = field(default=1, metadata=AT_LEAST_ONE)
    """Cells per stage (5 in NAS-Bench-201, 2 in TransNAS-Bench-101)."""
    images: int = field(default=32, metadata=AT_LEAST_ONE)
    """Images in the batch."""
    processes: int = field(default=1, metadata=AT_LEAST_ONE)
    """Processes on this machine, one thread each."""
    cluster: str = ""
    """Address of a Dask scheduler (tcp://...) that gets the work instead; needs the extra `cluster`."""
