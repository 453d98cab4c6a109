"""Pin what tests and CI install to the newest releases: constraints.txt, and its copy for `uv run`.

Run it with:  python .ci/pin.py
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
PINS = re.compile(r"constraint-dependencies = \[(?:\n.*?\n)?\]$", re.DOTALL | re.MULTILINE)
EXPORT = "uv export --quiet --no-hashes --no-annotate --no-header --no-emit-project --all-extras --all-groups"


def main() -> None:
    """Resolve without the present pins, and write the new ones to both places."""
    pyproject = ROOT / "pyproject.toml"
    text = pyproject.read_text()
    pyproject.write_text(PINS.sub("constraint-dependencies = []", text))
    (ROOT / "uv.lock").unlink(missing_ok=True)
    exported = subprocess.run(EXPORT.split(), cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own words
    pins = [line for line in exported.splitlines() if line]
    header = "# The releases that the tests run with. Written by .ci/pin.py.\n"
    (ROOT / "constraints.txt").write_text(header + "".join(f"{pin}\n" for pin in pins))
    listed = "".join(f"    {json.dumps(pin)},\n" for pin in pins)
    pyproject.write_text(PINS.sub(lambda _: f"constraint-dependencies = [\n{listed}]", text))


if __name__ == "__main__":
    main()
