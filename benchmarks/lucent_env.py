"""Lucent, for the scripts that run in an interpreter that has it.

Install (CPU; a virtual environment of its own, since its pins clash with ours):

    python3.11 -m venv lucent && lucent/bin/pip install torch==2.13.0
    lucent/bin/pip install numpy pillow tqdm matplotlib einops scikit-learn ipython decorator future \\
        opencv-python-headless packaging
    lucent/bin/pip install --no-deps torch-lucent==0.1.8 kornia==0.4.1 torchvision==0.28.0
"""

import warnings
from importlib import import_module

import torch

# A torchvision built for CUDA does not import beside a CPU torch unless the operators it asks about are declared.
_declared = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _declared.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

warnings.filterwarnings("ignore")

InceptionV1 = import_module("lucent.modelzoo.inceptionv1.InceptionV1").InceptionV1
RedirectedReluLayer = import_module("lucent.modelzoo.inceptionv1.helper_layers").RedirectedReluLayer
objectives, param, render = (import_module(f"lucent.optvis.{name}") for name in ("objectives", "param", "render"))

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
VERSION = f"lucent 0.1.8, torch {torch.__version__}"
