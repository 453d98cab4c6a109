"""What clients do, as Airflow's metrics: ``minut.requests`` and the others in ``docs/observability.md``."""

from __future__ import annotations

from typing import Any

PREFIX = "minut"


def count(conn_id: str, what: str, value: float, kind: dict[str, str]) -> None:
    """Hand on what a client observed to where Airflow's metrics go.

    :param conn_id: of the connection; a tag, like what is in ``kind``.
    :param what: see ``observe`` of :class:`~airflow_provider_minut.api.client.MinutClient`.
    :param value: how often, or seconds.
    :param kind: of what happened.
    """
    stats, name, tags = _stats(), f"{PREFIX}.{what}", {"conn_id": conn_id, **kind}
    if what == "rate_limit_wait":
        stats.timing(name, value * 1000, tags=tags)  # milliseconds, as all that Airflow times
    else:
        stats.incr(name, int(value), tags=tags)


def _stats() -> Any:
    from airflow.providers.common.compat.sdk import Stats

    if getattr(Stats, "factory", Stats) is None:  # Airflow 3.2 sets it up in tasks, and not in the triggerer
        from airflow.sdk.observability.metrics.stats_utils import get_stats_factory

        Stats.initialize(factory=get_stats_factory(Stats))  # type: ignore[call-arg]  # as 3.2 has it
    return Stats
