"""Every setting, as frozen dataclasses, from which the command line and the YAML files are made; imports nothing heavy.

The range of a setting and its help stand with its field.
"""

from .compare import CompareSettings
from .rank import RankSettings
from .retrain import RetrainSettings
from .run import DataSettings, RunSettings
from .search import ImportSettings, SearchSettings
from .select import CriterionSettings, StrategySettings

__all__ = [
    "CompareSettings",
    "CriterionSettings",
    "DataSettings",
    "ImportSettings",
    "RankSettings",
    "RetrainSettings",
    "RunSettings",
    "SearchSettings",
    "StrategySettings",
]
