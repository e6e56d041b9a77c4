"""Found networks as timm models: importing this module registers them.

`timm.create_model("darts_ext.NAME")` for the genotypes that are shipped (`timm.list_models("darts_ext*")`) and for
those that `register` adds; `create_model` for any genotype file, run or file of retrained weights. timm looks for no
plug-ins: its names are known once this module is imported.
"""

from .genotypes import create_model, list_genotypes, register
from .network import TimmNetwork

__all__ = ["TimmNetwork", "create_model", "list_genotypes", "register"]
