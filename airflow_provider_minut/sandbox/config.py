"""Which values the options of a sandbox may have; the command checks them before it imports a server."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

LIMITS: dict[str, tuple[float, float]] = {
    "homes": (1, 10_000_000),
    "devices": (0, 10_000_000),
    "seed": (0, 2**63 - 1),
    "noisy_periods_per_day": (0, 8640),
    "late_share": (0, 0.9),  # if every check-in were missed, none would be the last
    "silent_share": (0, 1),
    "fault_rate": (0, 1),
}


def problem_with(name: str, value: float) -> str | None:
    """Return what is wrong with the value of an option, or ``None``."""
    low, high = LIMITS[name]
    if low <= value <= high:  # which no nan does
        return None
    return f"not from {low} to {high}: {value}"


@dataclass(frozen=True, kw_only=True)
class DeliveryStyle:
    """How deliveries look; Minut documents none of it.

    :param header: which header has the signature.
    :param algorithm: ``sha256`` or ``sha1``, of the HMAC over the raw body, as lowercase hex.
    :param bare: whether the body is the event itself, without an envelope.
    :param pause: seconds before the second attempt; twice as many before each further one.
    """

    header: str = "X-Minut-Signature"
    algorithm: str = "sha256"
    bare: bool = False
    pause: float = 1.0


@dataclass(frozen=True, kw_only=True)
class SandboxConfig:
    """What a sandbox is started with.

    :param client_id: the one OAuth client that it knows.
    :param client_secret: its secret.
    :param token_lifetime: seconds until an access token expires.
    :param rate_limit: whether requests are limited as Minut documents it.
    :param homes: how many homes there are.
    :param devices: how many devices there are, in all homes together.
    :param seed: what the fleet's chance starts from; the same seed gives the same fleet, noise and values.
    :param noisy_periods_per_day: noisy periods per home and day, each with two events; above 1, rounded.
    :param late_share: the share of events and of check-ins that reach the backend late, from 0 to 0.9.
    :param silent_share: the share of devices that have not checked in for three days, from 0 to 1.
    :param fault_rate: the share of API requests that fail with a fault, from 0 to 1.
    :param sparse: whether fields are left out that may be missing.
    :param deliveries: how deliveries to webhooks look.
    :raises ValueError: one of the numbers is not in its range.
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
