"""The shapes by the names that they have in a configuration."""

from __future__ import annotations

from airflow_provider_minut.sandbox.simulation.shapes.documented import Documented
from airflow_provider_minut.sandbox.simulation.shapes.odd import Odd
from airflow_provider_minut.sandbox.simulation.shapes.old import Old
from airflow_provider_minut.sandbox.simulation.shapes.seen import Seen
from airflow_provider_minut.sandbox.simulation.shapes.sparse import Sparse

SHAPES: dict[str, type[Documented]] = {
    "seen": Seen,
    "documented": Documented,
    "old": Old,
    "sparse": Sparse,
    "odd": Odd,
}
