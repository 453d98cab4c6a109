"""Airflow metrics of the clients: ``minut.requests`` and others, see ``docs/observability.md``."""

from __future__ import annotations

from typing import Any

PREFIX = "minut"


def count(conn_id: str, metric: str, value: float, labels: dict[str, str]) -> None:
    """Report an observation of a client to Airflow's metrics.

    :param conn_id: ID of the connection, which becomes a tag.
    :param metric: Name of the metric, see ``observe`` of
        :class:`~airflow_provider_minut.api.client.MinutClient`.
    :param value: Number of occurrences, or seconds.
    :param labels: Further tags.
    """
    stats, name, tags = _stats(), f"{PREFIX}.{metric}", {"conn_id": conn_id, **labels}
    if metric == "rate_limit_wait":
        stats.timing(name, value * 1000, tags=tags)  # milliseconds, like all timers of Airflow
    else:
        stats.incr(name, int(value), tags=tags)


def _stats() -> Any:
    from airflow.providers.common.compat.sdk import Stats

    if getattr(Stats, "factory", Stats) is None:  # Airflow 3.2 initializes it in tasks only
        from airflow.sdk.observability.metrics.stats_utils import get_stats_factory

        Stats.initialize(factory=get_stats_factory(Stats))  # type: ignore[call-arg]  # the signature of 3.2, which alone gets here; mypy checks that of 3.3
    return Stats
