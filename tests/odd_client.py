"""A client without a network, whose requests are answered with odd replies."""

from __future__ import annotations

from airflow_provider_minut.api.resources.devices import DevicesResource
from airflow_provider_minut.api.resources.events import EventsResource
from airflow_provider_minut.api.resources.homes import HomesResource
from airflow_provider_minut.api.resources.readings import ReadingsResource
from airflow_provider_minut.api.safe_json import loads
from airflow_provider_minut.api.settings import ClientSettings
from tests.odd_replies import DEVICE, HOME, to_json

ONE_HOME = to_json({"homes": [{"home_id": HOME}]})
ONE_DEVICE = to_json({"devices": [{"device_id": DEVICE}]})
LISTS = {"/homes": "homes", "/devices": "devices", "/events": "events"}


class OddClient(HomesResource, DevicesResource, EventsResource, ReadingsResource):
    """Answers lists with the odd reply that has them, else with one home or one device.

    :param replies: Replies with a list, of :mod:`tests.odd_replies`.
    :param objects: The reply for each path of one home or device.
    """

    def __init__(self, *replies, objects=()):
        super().__init__(ClientSettings())
        self.replies = {reply.key: reply for reply in replies}
        self.objects = dict(objects)
        self.request_count = 0

    def request(self, method, path, *, params=None, json=None):
        self.request_count += 1
        if path in self.objects:
            return loads(to_json(self.objects[path]))
        key = LISTS.get(path) or ("home_events" if path.endswith("/events") else "values")
        params = params or {}
        if key in self.replies:
            page = (int(params.get("offset") or 0), params.get("limit")) if key != "values" else ()
            return loads(self.replies[key].text(*page))
        return loads({"homes": ONE_HOME, "devices": ONE_DEVICE}.get(key, "{}"))
