"""Which values the options of a sandbox may have; the command checks them before it imports a server."""

from __future__ import annotations

LIMITS: dict[str, tuple[float, float]] = {
    "homes": (1, 10_000_000),
    "devices": (0, 10_000_000),
    "seed": (0, 2**63 - 1),
    "spells_per_day": (0, 8640),
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
