"""The options of a sandbox and their ranges. The command checks them before it imports a server."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

LIMITS: dict[str, tuple[float, float]] = {
    "homes": (1, 10_000_000),
    "devices": (0, 10_000_000),
    "seed": (0, 2**63 - 1),
    "noisy_periods_per_day": (0, 8640),
    "late_share": (0, 0.9),  # if every check-in were missed, there would be no last one
    "silent_share": (0, 1),
    "fault_rate": (0, 1),
}


def problem_with(name: str, value: float) -> str | None:
    """Return why the value of an option is not valid, or ``None`` if it is."""
    low, high = LIMITS[name]
    if low <= value <= high:  # false for nan
        return None
    return f"must be from {low} to {high}: {value}"


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
    :param sparse: whether to omit every field that may be missing.
    :param deliveries: format of webhook deliveries.
    :raises ValueError: if a number is out of its range.
    """

    client_id: str = field(default_factory=lambda: secrets.token_hex(8))
    client_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    token_lifetime: float = 3600
    rate_limit: bool = True
    homes: int = 2
    devices: int = 3
    seed: int = 0
    noisy_periods_per_day: float = 0.5
    late_share: float = 0.05
    silent_share: float = 0.0
    fault_rate: float = 0.0
    sparse: bool = False
    deliveries: DeliveryStyle = field(default_factory=DeliveryStyle)

    def __post_init__(self) -> None:
        for name in LIMITS:
            if problem := problem_with(name, getattr(self, name)):
                text = f"{name}: {problem}"
                raise ValueError(text)
