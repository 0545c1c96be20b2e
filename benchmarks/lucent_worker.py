"""Times Lucent; run by `render.py` in an interpreter that has it. Prints one JSON line.

Install (CPU; a virtual environment of its own, since its pins clash with ours):

    python3.11 -m venv lucent && lucent/bin/pip install torch==2.13.0
    lucent/bin/pip install numpy pillow tqdm matplotlib einops scikit-learn ipython decorator future \\
        opencv-python-headless packaging
    lucent/bin/pip install --no-deps torch-lucent==0.1.8 kornia==0.4.1 torchvision==0.28.0
"""

import argparse
import json
import resource
import time
import warnings

import torch

# A torchvision built for CUDA does not import beside a CPU torch unless the operators it asks about are declared.
_declared = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    _declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

warnings.filterwarnings("ignore")

from lucent.modelzoo.inceptionv1.InceptionV1 import InceptionV1  # noqa: E402  # pyright: ignore[reportMissingImports]
from lucent.optvis import objectives, param, render  # noqa: E402  # pyright: ignore[reportMissingImports]

parser = argparse.ArgumentParser()
parser.add_argument("--layer", default="mixed4a")
parser.add_argument("--size", type=int, default=128)
parser.add_argument("--steps", type=int, default=48)
parser.add_argument("--equal-size", action="store_true", help="feed images as they are, not enlarged to 224")
options = parser.parse_args()

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
model = InceptionV1(pretrained=False).eval().to(device)
for parameter in model.parameters():
    # He's initialisation keeps activations at a scale where nothing under- or overflows.
    if parameter.ndim == 4:
        torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    else:
        torch.nn.init.zeros_(parameter)
    parameter.requires_grad_(False)


def run(steps: int) -> float:
    start = time.perf_counter()
    render.render_vis(
        model,
        objectives.channel(options.layer, 7),
        param_f=lambda: param.image(options.size),
        thresholds=(steps,),
        show_image=False,
        progress=False,
        fixed_image_size=options.size if options.equal_size else None,
    )
    return time.perf_counter() - start


run(4)
seconds = run(options.steps)
print(
    json.dumps(
        {
            "seconds_per_image_step": seconds / options.steps,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "version": f"lucent 0.1.8, torch {torch.__version__}",
        }
    )
)
