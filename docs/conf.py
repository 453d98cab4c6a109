"""How the documentation is built: uv run sphinx-build -W --keep-going -n docs build/docs."""

from __future__ import annotations

import airflow_provider_minut

project = "airflow-provider-minut"
author = "The airflow-provider-minut authors"
version = release = airflow_provider_minut.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]

myst_heading_anchors = 4  # the anchors that GitHub makes, too

nitpicky = True
# Other people's documentation is not fetched: the build needs no network.
nitpick_ignore_regex = []

html_theme = "furo"
html_title = f"airflow-provider-minut {release}"

autodoc_member_order = "bysource"
