"""The task log of a transfer."""

from __future__ import annotations

import re

from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator


def test_log_names_the_source_and_the_cost(minut_sandbox, tmp_path, capsys):
    path = tmp_path / "homes.jsonl"
    MinutToObjectStorageOperator(task_id="t", dataset="homes", path=str(path), format="jsonl").execute({})
    log = capsys.readouterr().out
    assert f"Extracting homes from {minut_sandbox.base_url}, with connection 'minut_default'." in log
    assert re.search(rf"2 homes in {path}; requests: 1; \d\.\d s\.", log)
