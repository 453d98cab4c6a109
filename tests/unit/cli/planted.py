"""Replies full of random values, each of which can be searched for."""

from __future__ import annotations

import random
import string


class Planted:
    """Makes random values of all kinds that occur in replies, and remembers them.

    :param seed: The same seed makes the same values.
    """

    def __init__(self, seed):
        self._random = random.Random(seed)
        self.values = []

    def _new(self, value):
        assert value not in self.values
        self.values.append(value)
        return value

    def _of(self, characters, length):
        return "".join(self._random.choices(characters, k=length))

    def id(self):
        return self._new(self._of("0123456789abcdef", 24))

    def name(self):
        return self._new(self._of(string.ascii_lowercase, 9).title())

    def word(self):
        return self._new(self._of(string.ascii_lowercase, 8))

    def snake(self):
        return self._new("_".join(self._of(string.ascii_lowercase, 6) for _ in range(2)))

    def address(self):
        return self._new(f"{self._of(string.ascii_letters, 9)} {self._random.randrange(10**5)}")

    def email(self):
        return self._new(f"{self._of(string.ascii_lowercase, 8)}@example.com")

    def token(self):
        return self._new(".".join(self._of(string.ascii_letters + string.digits, 30) for _ in range(3)))

    def mac(self):
        return self._new(":".join(self._of("0123456789ABCDEF", 2) for _ in range(6)))

    def url(self):
        return self._new(f"https://{self._of(string.ascii_lowercase, 8)}.example.com/hook")

    def time(self):
        day = f"20{self._random.randrange(20, 27)}-{self._random.randrange(1, 13):02}-{self._random.randrange(1, 29):02}"
        return self._new(f"{day}T10:{self._random.randrange(60):02}:{self._random.random() * 60:06.3f}Z")

    def integer(self):
        return self._new(self._random.randrange(10**7, 10**9))

    def number(self):
        return self._new(self._random.randrange(10**6, 10**8) / 10**4)

    def text(self):
        makers = (self.id, self.name, self.word, self.snake, self.address, self.email, self.token, self.mac)
        return self._random.choice((*makers, self.url, self.time))()

    def any(self):
        return self._random.choice((self.text, self.integer, self.number))()

    def anything(self, depth=2):
        """Return a map by values, or a list: nested, and full of values."""
        if not depth:
            return self.any()
        if self._random.random() < 0.5:
            return [self.anything(depth - 1) for _ in range(2)]
        return {self.text(): self.anything(depth - 1) for _ in range(2)}

    def home(self):
        names = ("name", "timezone", "alarm_status", "created_at")
        address = {"street_name1": self.address(), "city": self.name(), self.word(): self.snake()}
        return {"home_id": self.id(), **{name: self.text() for name in names}, "address": address}

    def device(self, home_id):
        return {
            "device_id": self.id(),
            "home": home_id,
            "description": self.name(),
            "device_mac": self.mac(),
            "last_heard_from_at": self.time(),
            "battery": {"percent": self.number()},
            "latest_sensor_values": {self.word(): {"time": self.time(), "value": self.number()}},
            "insights": self.anything(),
            self.snake(): {self.name(): [self.integer(), self.word()]},
        }

    def error(self):
        return {"message": f"{self.email()}: {self.token()}", "error_key": self.word(), self.id(): self.any()}

    def replies(self):
        """Return a status and a body for each path, with errors for some of them."""
        home = self.home()
        device = self.device(home["home_id"])
        one_home, one_device = f"/homes/{home['home_id']}", f"/devices/{device['device_id']}"
        event = {"event_id": self.id(), "event_type": self.snake(), "event_time": self.time()}
        user_event = {
            "id": self.id(),
            "type": self.word(),
            "created_at": self.time(),
            "guests": self.anything(),
        }
        hook = {"hook_id": self.id(), "url": self.url(), "events": [self.snake()], "token": self.token()}
        return {
            "/users/me": (200, {"user_id": self.id(), "fullname": self.name(), "roles": self.anything()}),
            "/homes": (200, {"homes": [home, self.home()], "paging": {"total_count": self.integer()}}),
            "/devices": (200, {"devices": [device, self.device(self.id())]}),
            one_home: (200, {**home, "members": {self.email(): {"user_id": self.id()}}}),
            f"{one_home}/events": (200, {"home_events": [event], self.url(): self.any()}),
            one_device: (200, device),
            f"{one_device}/sound_level": (
                200,
                {"values": [[self.integer(), self.number()], [self.time(), 1]]},
            ),
            f"{one_device}/temperature": (200, {"values": {self.time(): self.number()}, "unit": self.word()}),
            f"{one_device}/humidity": (200, self.error()),
            f"{one_device}/motion_events": (404, self.error()),
            f"{one_device}/pressure": (502, self.error()),
            f"{one_device}/battery": (403, self.error()),
            "/events": (200, {"events": [user_event, self.text()]}),
            "/webhooks": (200, {"hooks": [hook]}),
            "/organizations": (200, [self.anything(3)]),
        }
