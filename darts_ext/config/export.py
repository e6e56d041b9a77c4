"""Settings of the command `export`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ExportSettings:
    """What a retrained network is written as."""

    onnx: bool = False
    """Write model.onnx beside the weights (needs the extra `onnx`)."""
    pt2: bool = False
    """Write model.pt2 beside the weights, a program of torch.export."""
    out: str = ""
    """Folder to write into; by default that of the weights."""
