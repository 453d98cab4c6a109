"""The options of a sandbox and their ranges. The command checks them before it imports a server."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields
from datetime import datetime
from typing import Any


def _number(default: float, low: float, high: float, description: str = "") -> Any:
    """Return a field with a range; with a description it is also an option of the command."""
    return field(default=default, metadata={"range": (low, high), "help": description})


def _choice(choices: tuple[str, ...], description: str = "") -> Any:
    """Return a field with choices, the first is the default; with a description it is also an option."""
    return field(default=choices[0], metadata={"choices": choices, "help": description})


@dataclass(frozen=True, kw_only=True)
class DeliveryStyle:
    """The format of webhook deliveries, which Minut does not document.

    :param header: name of the header that has the signature.
    :param algorithm: hash algorithm of the HMAC over the raw body, ``sha256`` or ``sha1``; the signature is
        lowercase hex.
    :param bare: whether the body is the event itself, without an envelope.
    :param pause: seconds before the second attempt, doubled before each further one.
    """

    header: str = "X-Minut-Signature"
    algorithm: str = "sha256"
    bare: bool = False
    pause: float = 1.0


@dataclass(frozen=True, kw_only=True)
class OfflinePeriod:
    """A period in which a device does not check in.

    :param device_id: ID of the device.
    :param start: start of the period, inclusive, as an aware ``datetime`` from 2020 on.
    :param end: end of the period, exclusive, as an aware ``datetime``.
    :param measures: whether the device measures meanwhile, to upload it later; otherwise there are no
        measurements of this period, as if the device were switched off.
    """

    device_id: str
    start: datetime
    end: datetime
    measures: bool = True


@dataclass(frozen=True, kw_only=True)
class SandboxConfig:
    """The configuration of a sandbox.

    :param client_id: ID of the only OAuth client that the sandbox accepts.
    :param client_secret: secret of that client.
    :param token_lifetime: seconds until an access token expires.
    :param rate_limit: whether to apply the rate limits that Minut documents.
    :param homes: number of homes.
    :param devices: number of devices, in all homes together.
    :param seed: random seed; the same seed gives the same fleet, noisy periods and values.
    :param noisy_periods_per_day: noisy periods per home and day, each with two events; from 1 on,
        rounded to a whole number.
    :param late_share: share of events and of check-ins that reach the backend late, from 0 to 0.9.
    :param silent_share: share of devices that have not checked in for three days, from 0 to 1.
    :param fault_rate: share of API requests that fail with a fault, from 0 to 1.
    :param unknown_events: whether ``POST /webhooks`` accepts names of events that no public client is known
        to use: ``accept`` or ``reject``.
    :param shape: shape of the replies: ``seen``, the newest that public clients were seen to parse;
        ``documented``; ``old``, that of earlier versions; ``sparse``, without all that may be missing;
        ``odd``, with what clients had to live with.
    :param offline: periods in which devices do not check in.
    :param upload_order: how a device that was offline uploads what it measured meanwhile: ``at_once``, at its
        first check-in; otherwise a part at each check-in: ``oldest_first``, ``newest_first``, or ``mixed``.
    :param uploads_per_check_in: hours of measurements in such a part, from 2 to 1,000.
    :param deliveries: format of webhook deliveries.
    :raises ValueError: if a number is out of its range, or a text is not one of its choices.
    """

    client_id: str = field(default_factory=lambda: secrets.token_hex(8))
    client_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    token_lifetime: float = _number(
        3600.0, 0.001, 10**9, "seconds until an access token expires; 3600 at Minut"
    )
    rate_limit: bool = True
    homes: int = _number(2, 1, 10_000_000, "number of homes")
    devices: int = _number(3, 0, 10_000_000, "number of devices, in all homes together")
    seed: int = _number(
        0, 0, 2**63 - 1, "random seed; the same seed gives the same fleet, noisy periods and values"
    )
    noisy_periods_per_day: float = _number(
        0.5, 0, 8640, "noisy periods per home and day, each with two events"
    )
    # At most 0.9: if every check-in were missed, there would be no last one.
    late_share: float = _number(
        0.05, 0, 0.9, "share of events and check-ins that reach the backend late, at most 0.9"
    )
    silent_share: float = _number(0.0, 0, 1, "share of devices that have not checked in for three days")
    fault_rate: float = _number(
        0.0, 0, 1, "share of requests that fail: 429, 502, 504, connection reset, cut-off body"
    )
    unknown_events: str = _choice(
        ("accept", "reject"), "what POST /webhooks does with names of events that no public client uses"
    )
    shape: str = _choice(
        ("seen", "documented", "old", "sparse", "odd"),
        "shape of the replies: seen, the newest that public clients were seen to parse; documented; old, "
        "that of earlier versions; sparse, without all that may be missing; odd, with what clients had to "
        "live with",
    )
    offline: Sequence[OfflinePeriod] = ()
    upload_order: str = _choice(("at_once", "oldest_first", "newest_first", "mixed"))
    # At least 2: a device measures an hour per check-in, so that with less it would never catch up.
    uploads_per_check_in: float = _number(12, 2, 1000)
    deliveries: DeliveryStyle = field(default_factory=DeliveryStyle)

    def __post_init__(self) -> None:
        for option in _with("range"):
            low, high = option.metadata["range"]
            value = getattr(self, option.name)
            if not low <= value <= high:  # true for nan, too
                raise ValueError(f"{option.name}: must be from {low} to {high}: {value}")
        for option in _with("choices"):
            accepted, value = option.metadata["choices"], getattr(self, option.name)
            if value not in accepted:
                raise ValueError(f"{option.name}: must be one of {', '.join(accepted)}: {value}")


def _with(name: str) -> list[Field[Any]]:
    return [option for option in fields(SandboxConfig) if name in option.metadata]


# The options of the command.
NUMBERS = [option for option in _with("range") if option.metadata["help"]]
CHOICES = [option for option in _with("choices") if option.metadata["help"]]
