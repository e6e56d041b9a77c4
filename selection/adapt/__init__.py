"""Networks that somebody else wrote, as they are, for every measure, lift and strategy: quark0/darts, darts-pt,
PC-DARTS, pt.darts, NAS-Bench-201, NASLib."""

from .adapter import Adapter
from .recognise import adapt, list_kinds

__all__ = ["Adapter", "adapt", "list_kinds"]
