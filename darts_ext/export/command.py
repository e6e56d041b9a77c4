"""The command `export`."""

from pathlib import Path

from ..config import ExportSettings
from ..runtime.errors import UsageError
from ..runtime.files import write_whole
from .network import load_trained
from .programs import make_onnx, make_pt2

WEIGHTS = Path("evaluate/model.safetensors")  # of a run that was retrained


def run_export(target: Path, settings: ExportSettings) -> list[Path]:
    """Writes the retrained network of a run, in eval mode, for batches of any size.

    Args:
        target: a run that was retrained, or its file of weights.

    Returns:
        the files.
    """
    if not settings.onnx and not settings.pt2:
        raise UsageError("nothing to write: give --onnx, --pt2, or both")
    weights = _find_weights(target)
    trained = load_trained(weights)
    contents = {}
    if settings.onnx:
        contents["model.onnx"] = make_onnx(trained)
    if settings.pt2:
        contents["model.pt2"] = make_pt2(trained)
    folder = Path(settings.out) if settings.out else weights.parent
    files = []
    for name, content in contents.items():
        write_whole(folder / name, content)
        files.append(folder / name)
    print(f"input images {trained.describe_input()}; output logits [batch, {trained.classes}]")
    for file in files:
        print(f"written: {file}")
    return files


def _find_weights(target: Path) -> Path:
    if not target.exists():
        raise UsageError(f"{target} is not there: give a run that was retrained, or its {WEIGHTS}")
    path = target / WEIGHTS if target.is_dir() else target
    if path.suffix != ".safetensors":
        raise UsageError(f"{target} holds no weights: give a run that was retrained, or its {WEIGHTS}")
    if not path.is_file():
        raise UsageError(f"{target} has no {WEIGHTS} yet: `retrain {target}` writes it")
    return path
