"""What can be built: search spaces, supernets, genotypes, and the networks of genotypes."""

from .activations import build_activation, is_twice_differentiable, list_activations
from .cell import MixedCell
from .cellnet import CellSupernet
from .checkpoints import from_nasbench201, from_ptdarts, from_quark0
from .decided import find_decisions
from .discrete import DiscreteNetwork, build
from .errors import GenotypeError, SpaceError
from .genotype import Edge, Genotype
from .initialisation import list_initialisations
from .macro import Macro, find_macro
from .mixed import AddedSkip, MixedActivation, MixedOp
from .mlp import MLP, MLPSupernet
from .network import Supernet
from .nodescale import NodeScale, prune_nodes, top_nodes
from .operations import OPERATIONS, build_operation
from .relaxation import Relaxation, create_relaxation, list_relaxations, register_relaxation
from .space import CellSpace, Space
from .spaces import create_space, describe_spaces, list_spaces
from .spaces.mlp import MLPSpace

__all__ = [
    "MLP",
    "OPERATIONS",
    "AddedSkip",
    "CellSpace",
    "CellSupernet",
    "DiscreteNetwork",
    "Edge",
    "Genotype",
    "GenotypeError",
    "MLPSpace",
    "MLPSupernet",
    "Macro",
    "MixedActivation",
    "MixedCell",
    "MixedOp",
    "NodeScale",
    "Relaxation",
    "Space",
    "SpaceError",
    "Supernet",
    "build",
    "build_activation",
    "build_operation",
    "create_relaxation",
    "create_space",
    "describe_spaces",
    "find_decisions",
    "find_macro",
    "from_nasbench201",
    "from_ptdarts",
    "from_quark0",
    "is_twice_differentiable",
    "list_activations",
    "list_initialisations",
    "list_relaxations",
    "list_spaces",
    "prune_nodes",
    "register_relaxation",
    "top_nodes",
]
