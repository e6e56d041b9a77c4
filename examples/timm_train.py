"""timm's own training script on found networks, with a checkout of https://github.com/huggingface/pytorch-image-models
(the package has no train.py):

    python examples/timm_train.py pytorch-image-models/train.py IMAGES --model darts_ext.darts_v2 --num-classes 10
    python examples/timm_train.py pytorch-image-models/train.py IMAGES --model darts_ext \\
        --model-kwargs genotype=runs/s3 channels=16 layers=8
"""

import runpy
import sys

import darts_ext.zoo  # noqa: F401 (registers the names)

if __name__ == "__main__":
    # timm's script reads its own command line, in this process, where the names are registered now.
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
