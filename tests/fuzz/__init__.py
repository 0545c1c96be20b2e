"""Files that have been tampered with, for every reader of files in the project: `python -m fuzz --help`."""

import sys
from pathlib import Path

for folder in ("inception_jax/readers", "experiments/store"):  # Makers of files, which tests there use too.
    if (place := str(Path(__file__).parent.parent / folder)) not in sys.path:
        sys.path.append(place)
