"""What happens to a photograph on the host: decoding, cropping, flipping, colours."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageEnhance

from inception_jax.images import load_rgb, open_image, upright_size

_ATTEMPTS = 10

_Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True)
class Preparation:
    """How the file of a photograph becomes the square of pixels that a network is trained or tested with.

    For training a part of the photograph is cut out at random and resized, as for GoogLeNet (Szegedy et al. 2015,
    section 6: 8 to 100 % of the area, aspect ratio 3/4 to 4/3), flipped left to right half the time, and its colours
    are jittered. For testing the photograph is resized and its central square is cut out.

    Args:
        size: side of the square, in pixels.
        area: least and largest part of the photograph's area that is cut out, in (0, 1].
        aspect: least and largest ratio of the width to the height of the part that is cut out.
        flip: mirror half of the photographs.
        brightness: the colours are multiplied by a factor from 1 - `brightness` to 1 + `brightness`; 0 to 1.
        contrast: the same of their differences from the mean grey; 0 to 1.
        saturation: the same of their differences from the pixel's own grey; 0 to 1.
        quarter_turns: every image, in testing too, is turned counter-clockwise by this many quarter turns at the end.
        short_side: for testing, length in pixels to which the shorter side is resized; by default `size`.

    Raises:
        ValueError: anything out of these ranges.

    >>> import io
    >>> file = io.BytesIO()
    >>> Image.new("L", (40, 30), 128).save(file, "png")
    >>> pixels = Preparation(size=8).test(file.getvalue(), "grey.png")
    >>> pixels.shape, pixels[0, 0].tolist()
    ((8, 8, 3), [128, 128, 128])
    """

    size: int = 64
    area: tuple[float, float] = (0.35, 1.0)
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    flip: bool = True
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    quarter_turns: int = 0
    short_side: int | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.size < 1:
            raise ValueError(f"size is {self.size}; expected a number of pixels, 1 or more")
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise ValueError(f"area is {self.area}; expected (least, largest) part of the photograph, in (0, 1]")
        if not 0 < self.aspect[0] <= self.aspect[1] < math.inf:
            raise ValueError(f"aspect is {self.aspect}; expected (least, largest) ratio of width to height, above 0")
        for name in ("brightness", "contrast", "saturation"):
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise ValueError(f"{name} is {value}; expected 0 (off) to 1")
        if self.short_side is not None and self.short_side < self.size:
            raise ValueError(f"short_side is {self.short_side}, below size {self.size}; the square must fit into it")

    def train(self, data: bytes, name: str, rng: np.random.Generator) -> UInt8[np.ndarray, "size size 3"]:
        """A random square of a photograph, from the bytes of its file.

        Args:
            data: the content of an image file.
            name: what errors call it.
            rng: where the random numbers come from.

        Raises:
            ImageError: the file cannot be read.
        """
        image = open_image(data, name)
        width, height = upright_size(image, name)
        pixels = self._resize(image, name, width, height, self._random_box(width, height, rng))
        if self.flip and rng.random() < 0.5:
            pixels = pixels.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return self._turn(self._jitter(pixels, rng))

    def test(self, data: bytes, name: str) -> UInt8[np.ndarray, "size size 3"]:
        """The central square of a photograph, from the bytes of its file; arguments and errors as `train`."""
        image = open_image(data, name)
        width, height = upright_size(image, name)
        side = min(width, height) * self.size / (self.short_side or self.size)
        left, top = (width - side) / 2, (height - side) / 2
        return self._turn(self._resize(image, name, width, height, (left, top, left + side, top + side)))

    def _random_box(self, width: int, height: int, rng: np.random.Generator) -> _Box:
        for _ in range(_ATTEMPTS):
            area = width * height * rng.uniform(*self.area)
            aspect = math.exp(rng.uniform(math.log(self.aspect[0]), math.log(self.aspect[1])))
            w, h = math.sqrt(area * aspect), math.sqrt(area / aspect)
            if w <= width and h <= height:
                left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
                return left, top, left + w, top + h
        # Very wide or very high: the largest central part of an allowed aspect ratio.
        aspect = min(max(width / height, self.aspect[0]), self.aspect[1])
        w, h = min(width, height * aspect), min(height, width / aspect)
        left, top = (width - w) / 2, (height - h) / 2
        return left, top, left + w, top + h

    def _resize(self, image: Image.Image, name: str, width: int, height: int, box: _Box) -> Image.Image:
        # JPEG decodes to a half, a quarter or an eighth of its size in a fraction of the time.
        pixels = load_rgb(image, name, int(min(box[2] - box[0], box[3] - box[1]) / self.size))
        x, y = pixels.width / width, pixels.height / height
        # Rounding must not carry the box over the edge.
        scaled = (box[0] * x, box[1] * y, min(box[2] * x, pixels.width), min(box[3] * y, pixels.height))
        return pixels.resize((self.size, self.size), Image.Resampling.BILINEAR, scaled, reducing_gap=2.0)

    def _jitter(self, pixels: Image.Image, rng: np.random.Generator) -> Image.Image:
        for strength, enhance in (
            (self.brightness, ImageEnhance.Brightness),
            (self.contrast, ImageEnhance.Contrast),
            (self.saturation, ImageEnhance.Color),
        ):
            if strength:
                pixels = enhance(pixels).enhance(rng.uniform(1 - strength, 1 + strength))
        return pixels

    def _turn(self, pixels: Image.Image) -> UInt8[np.ndarray, "size size 3"]:
        return np.rot90(np.asarray(pixels), self.quarter_turns)
