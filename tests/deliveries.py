"""Deliveries as Minut sends them, from a client with little overhead."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from datetime import UTC, datetime, timedelta

from airflow_provider_minut.webhooks.registration import RegisteredWebhook

NOISE = "disturbance_first_notice"
HOME = "64aa0000000000000000b001"


def registered(**changes):
    values = {
        "hook_id": secrets.token_hex(12),
        "url": "https://airflow.example.com/minut/webhooks/main",
        "events": ("*",),
        "hook_secret": secrets.token_hex(20),
    }
    return RegisteredWebhook(**{**values, **changes})


def an_event(**changes):
    event = {
        "id": secrets.token_hex(12),
        "type": NOISE,
        "created_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "user_id": "64aa0000000000000000a001",
        "home_id": HOME,
    }
    return {**event, **changes}


def delivery(webhook, event):
    """Return body and headers."""
    body = json.dumps({"hook_id": webhook.hook_id, "event": event}).encode()
    return body, {webhook.header: webhook.sign(body)}


def request_bytes(path, body, headers):
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def bad_deliveries(webhook, number, path):
    """Yield this number of requests, of every kind that must have no effect."""
    rng = random.Random(11)
    body, headers = delivery(webhook, an_event())
    old_body, old_headers = delivery(
        webhook, an_event(created_at=(datetime.now(UTC) - timedelta(days=30)).isoformat())
    )
    kinds = [
        lambda: request_bytes(path, body, {webhook.header: secrets.token_hex(32)}),
        lambda: request_bytes(path, body[:-1] + bytes([body[-1] ^ rng.randrange(1, 256)]), headers),
        lambda: request_bytes(path, body, {}),
        lambda: request_bytes(path + secrets.token_hex(8), body, headers),
        lambda: request_bytes(path, b"x" * rng.randrange(64 * 1024, 96 * 1024), headers),
        lambda: signed(webhook, rng.randbytes(rng.randrange(200)), path),
        lambda: signed(webhook, b"[" * rng.randrange(60_000), path),
        lambda: signed(webhook, json.dumps({"event": an_event(id=None)}).encode(), path),
        lambda: signed(webhook, json.dumps({"hook_id": "other", "event": an_event()}).encode(), path),
        lambda: request_bytes(path, old_body, old_headers),  # replayed a month later
        lambda: request_bytes(path.rpartition("/")[0] + "/%2e%2e%2f", body, headers),
    ]
    for index in range(number):
        yield kinds[index % len(kinds)]()


def signed(webhook, body, path):
    return request_bytes(path, body, {webhook.header: webhook.sign(body)})


class Sender:
    """Sends requests over several keep-alive connections to a local port.

    :param retry: Whether to repeat requests without a response or with a 503, as Minut may do.
    """

    def __init__(self, port, *, connections=16, retry=False):
        self._port = port
        self._connections = connections
        self._retry = retry

    def send(self, requests):
        """Send all requests; return the status of each."""
        return asyncio.run(self._send(list(requests)))

    async def _send(self, requests):
        statuses = [None] * len(requests)
        todo = iter(enumerate(requests))
        await asyncio.gather(*(self._work(todo, statuses) for _ in range(self._connections)))
        return statuses

    async def _work(self, todo, statuses):
        streams = None
        for number, request in todo:
            while True:
                try:
                    streams = streams or await asyncio.open_connection("127.0.0.1", self._port)
                    status, streams = await self._one(streams, request)
                except (OSError, asyncio.IncompleteReadError):
                    streams, status = None, None
                if not self._retry or status not in {None, 503}:
                    break
                await asyncio.sleep(0.2)
            statuses[number] = status
        if streams:
            streams[1].close()

    async def _one(self, streams, request):
        reader, writer = streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].split(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        if b"connection: close" in head:
            writer.close()
            streams = None
        return int(head.split()[1]), streams
