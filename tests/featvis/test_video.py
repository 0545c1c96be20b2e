"""Animations, read back."""

import re

import numpy as np
import pytest
from PIL import Image, ImageSequence

from featvis.pixels import eight_bit
from featvis.video import video


def moving(count=6, height=24, width=32):
    """A soft spot that wanders over a coloured slope."""
    rows, columns = np.mgrid[:height, :width]
    slope = np.stack([columns / width, rows / height, np.full((height, width), 0.5)], -1)
    spots = [np.exp(-((rows - height / 2) ** 2 + (columns - 4 * i) ** 2) / 40) for i in range(count)]
    return np.stack([np.clip(slope + 0.4 * spot[..., None], 0, 1) for spot in spots])


def read(path):
    with Image.open(path) as image:
        frames = [(np.asarray(f.convert("RGB")), f.info["duration"]) for f in ImageSequence.Iterator(image)]
        pixels, durations = zip(*frames, strict=True)
        return np.stack(pixels), list(durations), image.info["loop"]


@pytest.mark.parametrize(
    ("name", "mean", "most"),
    [
        ("a.png", 0, 0),
        # Coded like JPEG at quality 90: errors of a few levels, more where colours change within two pixels.
        ("a.webp", 3, 24),
        # 256 colours for a slope in two dimensions and a spot: boxes of about 16 levels, the rarest twice as wide.
        ("A.GIF", 5, 40),
    ],
)
def test_frames_come_back(name, mean, most, tmp_path):
    frames = moving()
    video(frames, tmp_path / name, fps=20, hold=1.5)
    pixels, durations, loop = read(tmp_path / name)
    assert loop == 0, "for ever"
    assert durations == [50] * 5 + [1500]
    error = np.abs(pixels.astype(int) - eight_bit(frames))
    assert error.mean() <= mean
    assert error.max() <= most
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("name", "unit"), [("a.png", 1), ("a.webp", 1), ("a.gif", 10)])
def test_rounded_durations_do_not_drift(name, unit, tmp_path):
    video(moving(count=9), tmp_path / name, fps=24, hold=0)
    _, durations, _ = read(tmp_path / name)
    assert abs(sum(durations) - 9 * 1000 / 24) <= unit / 2
    assert all(abs(duration - 1000 / 24) <= unit for duration in durations)


def test_frames_of_other_channels(tmp_path):
    frames = moving()[..., :1]
    video(frames, tmp_path / "grey.png")
    np.testing.assert_array_equal(read(tmp_path / "grey.png")[0], eight_bit(frames).repeat(3, -1))
    clear = np.concatenate([moving(), np.zeros((6, 24, 32, 1))], -1)
    clear[3, ..., 3] = 1
    video(clear, tmp_path / "clear.png")
    pixels, _, _ = read(tmp_path / "clear.png")
    assert (pixels[0] == 255).all()
    assert (pixels == eight_bit(clear[3, ..., :3])).all((1, 2, 3)).any()


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.gif"])
def test_one_frame_is_a_picture(name, tmp_path):
    video(moving(count=1), tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert image.size == (32, 24)
        assert getattr(image, "n_frames", 1) == 1


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"path": "a.mp4"},
            "cannot write a video as 'a.mp4'; expected a name ending in .webp, .png, .gif (for MP4, let ",
        ),
        ({"path": "a"}, "cannot write a video as 'a'; expected a name ending in .webp, .png, .gif"),
        (
            {"frames": np.zeros((0, 4, 4, 3))},
            "frames have shape (0, 4, 4, 3); expected (time, height, width, channels), ",
        ),
        ({"frames": np.zeros((4, 4, 3))}, "frames have shape (4, 4, 3); expected (time, height, width, channels), "),
        ({"fps": 60}, "fps is 60; expected a number above 0, at most 50"),
        ({"fps": 0}, "fps is 0; expected a number above 0, at most 50"),
        ({"hold": -1}, "hold is -1; expected seconds from 0 to 60"),
    ],
)
def test_refusals(arguments, message, tmp_path):
    arguments = {"frames": np.zeros((2, 4, 4, 3)), "path": "a.webp", **arguments}
    arguments["path"] = tmp_path / arguments["path"]
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        video(**arguments)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"before")

    def full(self, fp, *arguments, **options):
        del self, arguments, options
        fp.write_bytes(b"cut short")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space left on device"):
        video(moving(), path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.png", b"before")]
