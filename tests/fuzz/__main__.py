"""Feed the parsers with what a fuzzer makes up, led by the branches that it reaches.

Each parser has a module here, with some inputs to begin with and a function that fails if anything but a
typed error comes out. libFuzzer does not return, so each runs in a process of its own; what it found to be
new is kept in build/fuzz, and is where the next run begins.

Run it with:  uvx nox -s fuzz -- 60                 (seconds for each)
          or:  uvx nox -s fuzz -- 60 retry_after
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HARNESSES = ("token_reply", "retry_after", "webhook_body", "timestamps")


def main(seconds: str, *names: str) -> int:
    """Fuzz each parser for so long; return how many failed."""
    failed = 0
    for name in names or HARNESSES:
        print(f"== {name}", flush=True)
        corpus = ROOT / "build" / "fuzz" / name
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(importlib.import_module(f"tests.fuzz.{name}").SEEDS):
            (corpus / f"seed-{number}").write_bytes(seed)
        code = f"from tests.fuzz.__main__ import fuzz; fuzz({name!r})"
        options = [f"-max_total_time={seconds}", "-timeout=5", "-print_final_stats=1", "-verbosity=0"]
        options += [f"-dict={Path(__file__).with_name('words.dict')}"]
        options += [f"-artifact_prefix={corpus.parent}/{name}-", str(corpus)]
        failed += (
            subprocess.run([sys.executable, "-c", code, *options], cwd=ROOT, check=False).returncode != 0
        )
    return failed


def fuzz(name: str) -> None:
    """Run one of them. Does not return."""
    import atheris

    with atheris.instrument_imports(include=["airflow_provider_minut", "json", "email", "_strptime"]):
        harness = importlib.import_module(f"tests.fuzz.{name}")
    atheris.Setup(sys.argv, harness.one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
