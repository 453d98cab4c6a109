"""What a transfer says in the log of its task."""

from __future__ import annotations

import re

from airflow_provider_minut.transfers.minut_to_object_storage import MinutToObjectStorageOperator


def test_log_says_who_is_asked_and_what_it_took(minut_sandbox, tmp_path, capsys):
    path = tmp_path / "homes.jsonl"
    MinutToObjectStorageOperator(task_id="t", dataset="homes", path=str(path), format="jsonl").execute({})
    told = capsys.readouterr().out
    assert f"Asking for homes at {minut_sandbox.base_url}, with connection 'minut_default'." in told
    assert re.search(rf"2 homes in {path}; requests: 1; \d\.\d s\.", told)
