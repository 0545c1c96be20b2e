"""What the scripts share: measurements in processes of their own, headings, and `RESULTS.md`."""

import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def measured(name: str, command: Sequence[str]) -> dict[str, Any]:
    """What `command` prints as JSON on its last line; the script ends here if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def heading(about: Iterable[str], settings: str = "") -> list[str]:
    """Lines that say which script ran, when, where, with what, and how to run it again."""
    script = Path(sys.argv[0]).name
    # Results are for everybody: of paths on this machine, the last part will do.
    words = [f"path/to/{Path(word).name}" if Path(word).is_absolute() else word for word in sys.argv[1:]]
    command = " ".join([script, *words])
    return [
        f"### `{script}`, {datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {'; '.join(dict.fromkeys(about))}",
        "",
        f"Command: `python benchmarks/{command}`" + (f": {settings}" if settings else ""),
        "",
    ]


def publish(lines: Iterable[str], record: bool) -> None:
    """Print the report, and append it to `RESULTS.md` if it is to be recorded."""
    text = "\n".join(lines) + "\n"
    print(text)
    if record:
        with (HERE / "RESULTS.md").open("a") as file:
            file.write(f"\n{text}")
