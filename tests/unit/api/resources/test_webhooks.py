"""What is sent about webhooks, and what is made of the answer."""

from __future__ import annotations

from datetime import UTC, datetime

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_webhooks_are_listed_created_and_deleted(client, serve):
    hook = {
        "hook_id": "64aa0000000000000000e001",
        "url": "https://x",
        "created_at": "2026-06-01T12:00:00.000Z",
    }
    serve("GET", "/webhooks", {"hooks": [hook]})
    created = serve("POST", "/webhooks", {**hook, "hook_secret": "s"})
    deleted = serve("DELETE", f"/webhooks/{hook['hook_id']}", None, 204)
    assert list(client.iter_webhooks()) == [{**hook, "created_at": NOON}]
    assert client.create_webhook("https://x", ["*"], token="t")["hook_secret"] == "s"
    assert created[0].json == {"url": "https://x", "events": ["*"], "token": "t"}
    client.delete_webhook(hook["hook_id"])
    assert len(deleted) == 1
