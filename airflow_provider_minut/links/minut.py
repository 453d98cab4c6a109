"""From a task in Airflow's UI to what it is about in Minut's web app."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

# Known from public clients. Minut documents no address of a home's or a device's page, so who wants those
# says in the configuration what they look like.
WEB_APP = "https://web.minut.com/"


class MinutWebAppLink(BaseOperatorLink):
    """The home or the device that a task is about, in Minut's web app; its front page by default.

    Operators that are about several, or about all, have no link.

    .. seealso:: ``docs/observability.md`` for the options ``web_app_home_url`` and ``web_app_device_url``.
    """

    name = "Minut web app"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, empty if there is not exactly one home or device.

        :param operator: with its templates rendered; evaluated in the worker when the task ends.
        :param ti_key: of the task instance.
        """
        from airflow.providers.common.compat.sdk import conf

        for kind in ("device", "home"):
            if found := _only_id(operator, kind):
                pattern = conf.get("minut", f"web_app_{kind}_url", fallback=None) or WEB_APP
                return pattern.replace(f"{{{kind}_id}}", found)
        return ""


def _only_id(operator: BaseOperator, kind: str) -> str:
    """Return the one id of that kind that the operator was given, if it is one."""
    value: Any = getattr(operator, f"{kind}_id", None) or getattr(operator, f"{kind}_ids", None)
    ids = [value] if isinstance(value, str) else value
    if not isinstance(ids, list | tuple | set | frozenset) or len(ids) != 1:
        return ""
    (only,) = ids
    # A template that could not be rendered is no id, and whatever a run was given must not become a URL.
    return only if isinstance(only, str) and re.fullmatch(r"[A-Za-z0-9_-]+", only) else ""
