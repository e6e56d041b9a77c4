"""What can be built: search spaces, supernets, genotypes, and the networks of genotypes."""

from .cell import MixedCell, MixedOp
from .discrete import DiscreteNetwork, build
from .errors import GenotypeError, SpaceError
from .genotype import Edge, Genotype
from .network import Supernet
from .operations import OPERATIONS, build_operation
from .quark0 import from_quark0
from .space import CellSpace, Space
from .spaces import create_space, describe_spaces, list_spaces

__all__ = [
    "OPERATIONS", "CellSpace", "DiscreteNetwork", "Edge", "Genotype", "GenotypeError", "MixedCell", "MixedOp", "Space", "SpaceError", "Supernet",
    "build", "build_operation", "create_space", "describe_spaces", "from_quark0", "list_spaces",
]  # fmt: skip
