"""A network as an ONNX model or a program of torch.export, for batches of any size."""

import io
import json
import logging
import warnings

import torch

from ..runtime.errors import UsageError
from .network import TrainedNetwork

OPSET = 18


def make_onnx(trained: TrainedNetwork) -> bytes:
    """Returns the bytes of an ONNX model of opset 18: `images` [batch, C, H, W] to `logits` [batch, classes].

    Raises:
        UsageError: the packages of the extra `onnx` are not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UsageError(f"--onnx needs the package {error.name}: pip install 'darts_ext[onnx]'") from None
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            trained.net,
            (trained.make_example(),),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    for key, value in trained.list_metadata().items():
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString()


def make_pt2(trained: TrainedNetwork) -> bytes:
    """Returns the bytes of a program of torch.export, with metadata.json as an extra file."""
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(trained.net, (trained.make_example(),), dynamic_shapes=shapes)
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={"metadata.json": json.dumps(trained.list_metadata())})
    return file.getvalue()
