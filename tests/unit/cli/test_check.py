"""The output of ``minut-check``, and its report."""

from __future__ import annotations

import json
import re
import secrets
from itertools import count

import pytest
from werkzeug import Response

from airflow_provider_minut.api_check.endpoints import ENDPOINTS
from airflow_provider_minut.cli.check import WIDTH, main
from tests.unit.api_check.account import HOME_PATH, REPLIES
from tests.unit.cli.planted import Planted

PLANTED_VALUES = 500
SERVED = {path: (200, body) for path, body in REPLIES.items()}


@pytest.fixture
def serve(httpserver, token_endpoint, monkeypatch, caplog):
    """Serve replies to the connection ``minut_default``; return the list of requests."""
    connection = {
        "conn_type": "minut",
        "login": secrets.token_hex(8),
        "password": secrets.token_hex(16),
        "host": httpserver.url_for("/v8"),
        "extra": {"requests_per_second": 10**6, "requests_per_minute": 10**6},
    }
    monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__MINUT__SHARED_STATE", "memory")
    caplog.set_level("WARNING", logger="werkzeug")  # the log of the server
    served, requests = {}, []

    def handler(request):
        path = request.path.removeprefix("/v8")
        requests.append((request.method, path))
        status, body = served.get(path, (404, {}))
        content = body() if callable(body) else json.dumps(body)
        return Response(content, status, content_type="application/json")

    httpserver.expect_request(re.compile("/v8/.*")).respond_with_handler(handler)

    def serve(replies):
        served.clear()
        served.update(replies)
        requests.clear()
        return requests

    return serve


def test_account_as_the_newest_clients_saw_it(serve, capsys, caplog, tmp_path):
    caplog.set_level("WARNING", logger="airflow_provider_minut")
    requests = serve(SERVED)
    assert main(["--report", str(tmp_path / "report.json")]) == 0
    assert sorted(requests) == sorted(("GET", path) for path in REPLIES)
    output = capsys.readouterr().out
    assert "[ 1/15] GET /users/me                           answered\n" in output
    assert "\n  shape          {email: text, fullname: text, user_id: text}\n" in output
    assert (
        "shape          {time_resolution: integer, unit: text, values: [null, [integer, integer]]}" in output
    )
    assert "\n  works          MinutSetAlarmOperator\n" in output
    assert "\nResult        works: 13\n" in output
    assert f"\nReport        {tmp_path}/report.json\n" in output
    assert max(len(line) for line in output.splitlines() if str(tmp_path) not in line) <= WIDTH
    report = json.loads((tmp_path / "report.json").read_text())
    assert [each["request"] for each in report["endpoints"]] == [endpoint.name for endpoint in ENDPOINTS]


def test_differences_and_their_effects_are_shown(serve, capsys):
    home = {**REPLIES[HOME_PATH], "alarm_status": None, "created_at": 1776247200, "room_id": "r1"}
    serve({**SERVED, HOME_PATH: (200, home), "/events": (502, {}), "/organizations": (404, {})})
    assert main([]) == 1
    output = capsys.readouterr().out
    assert "GET /events                             failed: 502 (MinutServerError)\n" in output
    assert "GET /organizations                      failed: 404 (MinutNotFoundError); optional\n" in output
    assert "\n  differs        alarm_status or detailed_alarm_status: missing (seen)\n" in output
    assert "\n  differs        created_at: integer instead of time (seen)\n" in output
    assert "\n  also sends     room_id\n" in output
    reason = "- GET /homes/{home_id}: alarm_status or detailed_alarm_status: missing"
    assert f"\n  works in part  MinutSetAlarmOperator\n                 {reason}\n" in output
    assert "\n  does not work  watched_event, MinutEventTrigger, MinutReconcileEventsOperator\n" in output
    assert "\nResult        works: 11, works in part: 1, does not work: 1\n" in output
    assert "--report FILE" in output


def test_no_value_of_a_reply_is_shown_or_written(serve, capsys, caplog, tmp_path):
    """Values are in fields, lists, keys of maps and error bodies; the last run has the rest of the 500."""
    report, shown, planted = tmp_path / "report.json", "", []
    for seed in count():
        values = Planted(seed)
        replies = values.replies()
        requests = serve(replies)
        main(["--report", str(report)])
        assert len(requests) == len(ENDPOINTS)
        shown += report.read_text() + "".join(capsys.readouterr()) + caplog.text
        planted += values.values
        sent = json.dumps(replies)
        assert all(str(value) in sent for value in values.values)
        if len(planted) >= PLANTED_VALUES:
            break
    leaked = [value for value in planted if str(value) in shown]
    print(f"{len(leaked)} of {len(planted)} planted values leaked")
    assert leaked == []


def test_failed_credentials_fail_every_request(serve, capsys, tmp_path):
    serve({path: (401, {"message": "secret-text"}) for path in REPLIES})
    assert main(["--report", str(tmp_path / "report.json")]) == 1
    output = capsys.readouterr().out
    assert "GET /users/me                           failed: 401 (MinutAuthenticationError)\n" in output
    assert "run: airflow minut status" in output
    assert "not tried: no home with an ID" in output
    assert "Shapes" not in output
    assert "secret-text" not in output + (tmp_path / "report.json").read_text()


def test_a_report_that_cannot_be_written_is_an_error_before_any_request(serve, capsys, tmp_path):
    requests = serve(SERVED)
    path = tmp_path / "missing" / "report.json"
    assert main(["--report", str(path)]) == 1
    assert f"Error         The report {path} cannot be written: No such file" in capsys.readouterr().out
    assert requests == []


def test_a_report_that_cannot_be_written_afterwards_is_an_error_too(serve, capsys, tmp_path):
    path = tmp_path / "report.json"

    def replace_by_folder():
        path.unlink()
        path.mkdir()
        return "{}"

    serve({**SERVED, "/users/me": (200, replace_by_folder)})
    assert main(["--report", str(path)]) == 1
    assert f"Error         The report {path} cannot be written: Is a directory" in capsys.readouterr().out


def test_missing_connection_is_an_error(capsys, tmp_path):
    assert main(["no_such", "--report", str(tmp_path / "report.json")]) == 1
    assert "no_such" in capsys.readouterr().out.split("Error", 1)[1]
    assert not (tmp_path / "report.json").exists()


def test_sandbox_is_checked(minut_sandbox, capsys):
    main([])
    output = capsys.readouterr().out
    assert "failed" not in output.replace("GET /organizations                      failed", "")
    assert "works          connection test" in output
