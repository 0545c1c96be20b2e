"""Times Lucent; run by `render.py` in an interpreter that has it. Prints one JSON line.

`lucent_env.py` says how to install it.
"""

import argparse
import json
import resource
import time

import torch
from lucent_env import DEVICE, VERSION, InceptionV1, objectives, param, render

parser = argparse.ArgumentParser()
parser.add_argument("--layer", default="mixed4a")
parser.add_argument("--size", type=int, default=128)
parser.add_argument("--steps", type=int, default=48)
parser.add_argument("--equal-size", action="store_true", help="feed images as they are, not enlarged to 224")
options = parser.parse_args()

torch.manual_seed(0)
model = InceptionV1(pretrained=False).eval().to(DEVICE)
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
            "version": VERSION,
        }
    )
)
