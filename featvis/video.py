"""Frames as an animation that browsers play: WebP, PNG or GIF."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Array, Float

from featvis.pixels import opaque, picture
from inception_jax.files import replacing

_FORMATS: dict[str, tuple[str, float, dict[str, Any]]] = {
    ".webp": ("WEBP", 1, {"quality": 90, "method": 4}),
    ".png": ("PNG", 1, {}),
    ".gif": ("GIF", 10, {}),
}
"""For each suffix Pillow's name of the format, the smallest unit of time in milliseconds, and options."""


def video(
    frames: Float[Array | np.ndarray, "t h w c"], path: str | Path, fps: float = 20.0, *, hold: float = 1.5
) -> None:
    """Write frames as an animation that plays for ever.

    Args:
        frames: at least one, in [0, 1]. Transparent ones are shown on white.
        path: a file in an existing folder, replaced if it is there: `.webp` (small, nearly exact), `.png` (exact,
            large) or `.gif` (256 colours a frame).
        fps: frames a second, above 0 and at most 50, the most that browsers play of a GIF.
        hold: seconds for which the last frame stays.

    Raises:
        ValueError: another suffix, no frames, or an argument out of range.
        OSError: the file could not be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     video(np.zeros((3, 16, 16, 3)), f"{folder}/black.webp")
    ...     [file.name for file in Path(folder).iterdir()]
    ['black.webp']
    """
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        raise ValueError(
            f"cannot write a video as {path.name!r}; expected a name ending in {', '.join(_FORMATS)} "
            "(for MP4, let ffmpeg convert the .png)"
        )
    if len(np.shape(frames)) != 4 or 0 in np.shape(frames):
        raise ValueError(
            f"frames have shape {np.shape(frames)}; expected (time, height, width, channels), none of them 0"
        )
    if not 0 < fps <= 50:
        raise ValueError(f"fps is {fps}; expected a number above 0, at most 50")
    if not 0 <= hold <= 60:
        raise ValueError(f"hold is {hold}; expected seconds from 0 to 60")
    name, unit, options = _FORMATS[path.suffix.lower()]
    first, *others = [opaque(picture(frame), "white") for frame in np.asarray(frames)]
    with replacing(path) as temporary:
        first.save(
            temporary,
            name,
            save_all=True,
            append_images=others,
            duration=_durations(len(others) + 1, fps, hold, unit),
            loop=0,
            **options,
        )


def _durations(count: int, fps: float, hold: float, unit: float) -> list[int]:
    """Milliseconds of each frame, in whole units of the format whose rounding does not add up."""
    ends = np.arange(count + 1) * 1000 / fps
    ends[-1] = max(ends[-1], ends[-2] + hold * 1000)
    return np.diff(np.round(ends / unit) * unit).astype(int).tolist()
