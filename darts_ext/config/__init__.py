"""Every setting, as frozen dataclasses, from which the command line and the YAML files are made; imports nothing heavy.

The range of a setting and its help stand with its field.
"""

from dataclasses import fields

from .compare import CompareSettings
from .export import ExportSettings
from .rank import RankSettings
from .retrain import RetrainSettings
from .run import DataSettings, RunSettings
from .search import ImportSettings, SearchSettings
from .select import CriterionSettings, StrategySettings

ALL = (
    RunSettings,
    DataSettings,
    SearchSettings,
    ImportSettings,
    CriterionSettings,
    StrategySettings,
    RetrainSettings,
    CompareSettings,
    RankSettings,
    ExportSettings,
)


def is_default(name: str, value: object) -> bool:
    """Whether a setting of that name has that value by default.

    >>> is_default("epochs", 50), is_default("epochs", 3)
    (True, False)
    """
    return any(field.name == name and field.default == value for kind in ALL for field in fields(kind))


__all__ = [
    "CompareSettings",
    "CriterionSettings",
    "DataSettings",
    "ExportSettings",
    "ImportSettings",
    "RankSettings",
    "RetrainSettings",
    "RunSettings",
    "SearchSettings",
    "StrategySettings",
    "is_default",
]
