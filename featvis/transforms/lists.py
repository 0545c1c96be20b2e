"""The lists of transforms that the field uses, on a canvas of the image's own size."""

from featvis.transforms.alpha import collapse_alpha_random
from featvis.transforms.base import Transform
from featvis.transforms.crop import box_crop, crop_or_pad_to, resize_to
from featvis.transforms.draws import uniform
from featvis.transforms.filters import gaussian_blur, noise
from featvis.transforms.frame import jitter, pad
from featvis.transforms.turn import flip, random_rotate, random_scale

_FINE_SCALES = tuple(0.998**n for n in range(20, 40))
_MANY_ANGLES = (*range(-20, 20), *range(-10, 10), *range(-5, 5), 0, 0, 0, 0, 0)

LUCID = (
    pad(12),
    jitter(8),
    random_scale(1 + (i - 5) / 50 for i in range(11)),
    random_rotate([*range(-10, 11), 0, 0, 0, 0, 0]),
    jitter(4),
    crop_or_pad_to(),
)
"""Lucid's `standard_transforms` on a canvas of the image's own size. Rotation is bilinear and the plane outside the
image grey, where Lucid rotates to the nearest pixel and fills corners with black."""

LUCID_ALPHA = (*LUCID, collapse_alpha_random())
"""`LUCID` for images with opacity."""

ATLAS = (
    pad(17),
    *(jitter(pixels) for pixels in (4, 4, 8, 8, 8)),
    random_scale(_FINE_SCALES),
    random_rotate(_MANY_ANGLES),
    jitter(2),
    crop_or_pad_to(),
)
"""The transforms of Lucid's activation atlas. Its padding of 16 pixels is two pixels short of what its jitters crop,
which it makes up for with a black frame; here the padding is 17."""

ATLAS_ALPHA = (*ATLAS, collapse_alpha_random())
"""`ATLAS` for images with opacity."""

ROBUST = (
    pad(2),
    pad(42, mode="reflect"),
    *(jitter(8) for _ in range(10)),
    random_scale([*(0.995**n for n in range(-5, 80)), *_FINE_SCALES, *_FINE_SCALES]),
    random_rotate(_MANY_ANGLES),
    jitter(4),
    crop_or_pad_to(),
)
"""The defaults of Captum's `TransformationRobustness`. Ten jitters by up to 4 pixels either way and a last one by 2
move over one reflection of the image, where Captum reflects at each of them anew and leaves the largest shift out."""

BOXES = (box_crop(uniform(0.05, 0.99)), noise(0.02), noise(0.02 / 12**0.5, "uniform"))
"""The `standard_box_transforms` of faccent: a box of the image, enlarged to its size, with noise."""


def xplique(size: int) -> tuple[Transform, ...]:
    """Xplique's `generate_standard_transformations` for images of `size` pixels a side, resized to `size` at the end.

    Raises:
        ValueError: a size below 16.

    >>> from featvis.transforms import output_shape
    >>> output_shape(xplique(128), (128, 128, 3)), output_shape(xplique(128)[:-1], (128, 128, 3))
    ((128, 128, 3), (48, 48, 3))
    """
    if size < 16:
        raise ValueError(f"size is {size}; expected at least 16 pixels")
    unit = size // 16
    return (
        pad(4 * unit, 0.0),
        *(jitter(n * unit) for n in (2, 2, 4, 4, 4)),
        random_scale(uniform(0.92, 0.96)),
        gaussian_blur(uniform(1.0, 1.1)),
        jitter(unit),
        jitter(unit),
        flip(),
        resize_to(size),
    )
