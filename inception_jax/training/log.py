"""The course of a training run as a table (CSV) and as curves (PNG)."""

import csv
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from inception_jax.bounded import read_bytes
from inception_jax.files import write_whole
from inception_jax.readers.contents import plain

_MOST_BYTES = 2**26


@dataclass(frozen=True)
class Row:
    """What happened up to a step: training figures since the row before, validation where there was one."""

    step: int
    epoch: float
    size: int
    """Side of the training images in pixels."""
    learning_rate: float
    train_loss: float
    """Mean, with smoothed labels and auxiliary classifiers."""
    train_top1: float
    seconds: float
    """Time spent on training since the beginning, over all sessions."""
    images_per_second: float
    damaged: int
    """Images that could not be read, since the row before."""
    validation_loss: float | None = None
    validation_top1: float | None = None
    validation_top5: float | None = None


def write(rows: list[Row], path: Path) -> None:
    """Write `rows` as a CSV file, whole or not at all.

    >>> import tempfile
    >>> row = Row(100, 0.5, 64, 0.1, 5.0, 0.01, 60.0, 200.0, 0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write([row], Path(folder, "log.csv"))
    ...     read(Path(folder, "log.csv")) == [row]
    True
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_whole(path, text.getvalue().encode())


def read(path: Path) -> list[Row]:
    """The rows of a file that `write` wrote; none if there is no such file.

    Raises:
        ValueError: another kind of file.
    """
    kinds = {field.name: int if field.type is int else float for field in fields(Row)}
    try:
        text = read_bytes(path, _MOST_BYTES).decode()
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no table of a training run: {error}") from None
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""))
        return [Row(**{name: kinds[name](text) if text else None for name, text in row.items()}) for row in rows]  # pyright: ignore[reportArgumentType]
    except (csv.Error, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no table of a training run: {plain(repr(error))}") from None


def draw(rows: list[Row], path: Path) -> None:
    """Draw loss, accuracy and learning rate over epochs into a PNG file."""
    # Its own canvas: pyplot would change the state of whoever imports this.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    losses, accuracies, rates = figure.subplots(1, 3)
    judged = [row for row in rows if row.validation_top1 is not None]
    epochs, judged_epochs = [row.epoch for row in rows], [row.epoch for row in judged]
    losses.plot(epochs, [row.train_loss for row in rows], label="training")
    losses.plot(judged_epochs, [row.validation_loss for row in judged], ".-", label="validation")
    accuracies.plot(epochs, [100 * row.train_top1 for row in rows], label="training")
    accuracies.plot(judged_epochs, [100 * (row.validation_top1 or 0) for row in judged], ".-", label="validation")
    accuracies.plot(judged_epochs, [100 * (row.validation_top5 or 0) for row in judged], ".-", label="top 5")
    rates.plot(epochs, [row.learning_rate for row in rows], color="0.3")
    for axes, title in ((losses, "loss"), (accuracies, "accuracy, %"), (rates, "learning rate")):
        axes.set_title(title, loc="left")
        axes.set_xlabel("epoch")
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(bottom=0)
    for axes in (losses, accuracies):
        axes.legend(frameon=False)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110)
    write_whole(path, image.getvalue())


def summary(rows: list[Row]) -> str:
    """The last figures, in a line for the progress bar."""
    judged = [row for row in rows if row.validation_top1 is not None]
    parts = [f"loss {rows[-1].train_loss:.3f}, {rows[-1].images_per_second:.0f} images/s"] if rows else []
    parts += [f"top-1 {judged[-1].validation_top1:.1%}"] if judged else []
    return ", ".join(parts)
