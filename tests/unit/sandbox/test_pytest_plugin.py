"""The fixture ``minut_sandbox`` in a user's own tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import requests


def test_fixture_points_the_connection_at_a_sandbox_that_answers(minut_sandbox):
    fields = json.loads(os.environ["AIRFLOW_CONN_MINUT_DEFAULT"])
    response = requests.post(
        f"{fields['host']}/oauth/token",
        data={"grant_type": "client_credentials", "response_type": "token"},
        auth=(fields["login"], fields["password"]),
        timeout=5,
    )
    assert response.status_code == 200
    assert minut_sandbox.stats()["tokens_issued"] == 1


def test_missing_extra_fails_the_test_with_what_to_install(tmp_path):
    (tmp_path / "test_mine.py").write_text("def test_mine(minut_sandbox): pass\n")
    code = "import pytest, sys; sys.modules['uvicorn'] = None; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider']))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "pip install 'airflow-provider-minut[sandbox]'" in done.stdout
    assert "Traceback" not in done.stdout
