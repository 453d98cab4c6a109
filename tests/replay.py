"""Replies that were seen, served over a real socket to the real client; see the files in ``tests/replies``.

A file maps ``METHOD path`` to a reply. ``$text`` is sent as it is, with ``$status``. One home or one device is
taken from its list if it has no reply of its own. What a PUT or a PATCH changes is in the replies from then on.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

REPLIES = Path(__file__).parent / "replies"
NAMES = sorted(path.stem for path in REPLIES.glob("*.json"))
LISTS = {"/homes": "homes", "/devices": "devices", "/events": "events", "/webhooks": "hooks"}
ID_FIELDS = {"homes": "home_id", "devices": "device_id"}
NOT_FOUND = 404, '{"message": "Not found", "error_key": "not_found"}'
NO_LIMIT = {"requests_per_second": 10**6, "requests_per_minute": 10**6, "max_attempts": 1}


class ReplyServer:
    """An HTTP server on loopback.

    :param answer: Returns status and text of the reply to ``method``, ``path``, ``query`` and ``body``.
    """

    def __init__(self, answer):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet
            disable_nagle_algorithm = True

            def handle_any(self):
                url = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, text = answer(
                    self.command, url.path.removeprefix("/v8"), dict(parse_qsl(url.query)), body
                )
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the names that it looks for

            def log_message(self, *_arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v8"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def connection(self):
        """The connection as a value for ``AIRFLOW_CONN_…``."""
        credentials = {"login": "0123456789abcdef", "password": "5ecret5ecret5ecret5ecret5ecret00"}
        return json.dumps({"conn_type": "minut", "host": self.base_url, "extra": NO_LIMIT, **credentials})


def connect(server, monkeypatch, tmp_path):
    """Point minut_default at a server, and the connection warehouse at an empty SQLite database."""
    monkeypatch.setenv("AIRFLOW__MINUT__SHARED_STATE", f"file://{tmp_path}/state")
    monkeypatch.setenv("AIRFLOW_CONN_MINUT_DEFAULT", server.connection)
    warehouse = {"conn_type": "sqlite", "host": f"{tmp_path}/warehouse.db"}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(warehouse))


class Account:
    """What one client was seen to read, and what it means.

    :param name: Name of the file.
    """

    def __init__(self, name):
        read = json.loads((REPLIES / f"{name}.json").read_text())
        self.replies = copy.deepcopy(read["replies"])
        self.expected = read["expected"]
        self.start, self.end = (datetime.fromisoformat(text) for text in read["range"])
        self.written = []  # method, path and body of each PUT and PATCH

    def answer(self, method, path, query, body):
        """Return status and text of a reply."""
        if method in {"PUT", "PATCH"}:
            self.written.append((method, path, json.loads(body)))
            return self._change(path, json.loads(body))
        reply = self._reply(method, path)
        if reply is None:
            return NOT_FOUND
        if "$text" in reply:
            return reply["$status"], reply["$text"]
        return 200, json.dumps(_page(reply, query) if path in LISTS or path.endswith("/events") else reply)

    def _reply(self, method, path):
        return self.replies.get(f"{method} {path}", self._one(path))

    def _one(self, path):
        """Return the home or device of a path, as its list has it."""
        found = re.fullmatch(r"/(homes|devices)/([^/]+)", path)
        if not found:
            return None
        key, identity = found.groups()
        items = self.replies[f"GET /{key}"][key]
        field = ID_FIELDS[key]
        return next((i for i in items if isinstance(i, dict) and str(i.get(field)) == identity), None)

    def _change(self, path, body):
        resource = path.removesuffix("/alarm")
        item = self._reply("GET", resource)
        if item is None:
            return NOT_FOUND
        changes = {**body, **body.get("configuration", {})}
        changes.pop("configuration", None)
        if "detailed_alarm_status" in item and "alarm_status" in changes:
            changes["detailed_alarm_status"] = changes["alarm_status"]
        for copied in filter(None, (self.replies.get(f"GET {resource}"), self._one(resource))):
            settings = copied.get("configuration")
            below = isinstance(settings, dict) and "reactions" in settings
            (settings if below else copied).update(changes)
        return 200, json.dumps(item)


def _page(reply, query):
    """Return the part of a list that a query asks for; all of it if it asks for none."""
    offset, limit = int(query.get("offset", 0)), int(query.get("limit", 10**6))
    page = {
        name: value[offset : offset + limit] if isinstance(value, list) else value
        for name, value in reply.items()
    }
    if isinstance(page.get("paging"), dict):
        page["paging"] = {**page["paging"], "limit": limit, "offset": offset}
    return page


def instant(text):
    """Return a time of a file."""
    return text if text is None else datetime.fromisoformat(text).astimezone(UTC)
