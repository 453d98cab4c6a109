"""Load readings with dlt: python minut_readings.py."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dlt

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.client import MinutClient
from airflow_provider_minut.api.settings import ClientSettings

# Devices upload late, so each run reads this time again.
LATE_WITHIN = timedelta(days=14)


@dlt.resource(primary_key=("device_id", "sensor", "time"), write_disposition="merge")
def minut_readings(
    client_id: str = dlt.secrets.value,
    client_secret: str = dlt.secrets.value,
    base_url: str = "https://api.minut.com/v8",
) -> Iterator[dict[str, Any]]:
    """Yield the noise of each device in the last two weeks."""
    now = datetime.now(UTC)
    settings = ClientSettings(base_url=base_url)
    with MinutClient(ClientCredentials(client_id, client_secret), settings) as minut:
        for device in minut.iter_devices():
            key = {"device_id": device["device_id"], "sensor": "sound_level"}
            for reading in minut.iter_readings(**key, start_at=now - LATE_WITHIN, end_at=now):
                yield {**key, **reading}


if __name__ == "__main__":
    pipeline = dlt.pipeline("warehouse", destination="duckdb", dataset_name="minut")
    print(pipeline.run(minut_readings()))
