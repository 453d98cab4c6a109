"""The cost of the imports of a DAG file, in addition to Airflow's own.

Run it with:  uvx nox -s bench -- imports
"""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 15
CODE = """
import time
from airflow.sdk import BaseHook, BaseOperator
started = time.perf_counter()
{imports}
print((time.perf_counter() - started) * 1000)
"""
SUBJECTS = {
    "nothing": "pass",
    "this provider: hook and operators": "import airflow_provider_minut.operators.minut",
    "this provider: transfers": "import airflow_provider_minut.transfers.minut_to_sql, "
    "airflow_provider_minut.transfers.minut_to_object_storage",
    "requests and tenacity, for comparison": "import requests, tenacity",
}


def main() -> None:
    print(f"{'import, in a new process each time':42}{'median ms':>12}{'best ms':>10}")
    for name, imports in SUBJECTS.items():
        command = [sys.executable, "-c", CODE.format(imports=imports)]
        times = [
            float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])
            for _ in range(ROUNDS)
        ]
        print(f"{name:42}{statistics.median(times):12.2f}{min(times):10.2f}")


if __name__ == "__main__":
    main()
