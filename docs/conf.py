"""Configuration of Sphinx. Build the documentation with: uvx nox -s docs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[1]
# Autodoc imports Airflow, which writes its settings where it finds none: not into anybody's own Airflow.
os.environ.setdefault("AIRFLOW_HOME", str(ROOT / "build" / "airflow"))

import airflow_provider_minut  # noqa: E402 - Airflow reads the variable when it is imported

if TYPE_CHECKING:
    from docutils.nodes import Element, Node
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "airflow-provider-minut"
version = release = airflow_provider_minut.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["conf.py", "_generate"]

html_theme = "furo"
html_title = "Minut for Airflow"
html_theme_options = {"top_of_page_buttons": []}
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["tables.css"]

smartquotes_action = "D"  # dashes only: who looks for the text of an error shall find it

myst_heading_anchors = 4  # with the names that GitHub gives them

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

nitpicky = True
# What others document. Their pages are not fetched, so that a build needs no network.
nitpick_ignore_regex = [
    ("py:.*", r"(airflow|collections|concurrent|contextlib|datetime|enum|pathlib|pytest|typing)\..*"),
    # Airflow's, imported for type checkers only, so without their module.
    ("py:.*", "Asset|BaseOperator|Connection|Context|SharedStreamProducer|SplitResult"),
    ("py:.*", "OpenLineageDataset|OperatorLineage|RetryDecision"),
    ("py:.*", "Airflow(Fail|NotFound|SensorTimeout)(Exception)?"),
    # What Airflow hands from one method of a trigger to another.
    ("py:class", r"airflow_provider_minut\.polling\.poller\.EventSnapshot"),
    # What the page in Airflow's UI keeps.
    ("py:class", r"airflow_provider_minut\.api\.shared_state\.encrypted\.EncryptedEntry"),
]

linkcheck_timeout = 30


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("missing-reference", by_its_own_name)


def by_its_own_name(app: Sphinx, env: BuildEnvironment, node: Element, contnode: Element) -> Node | None:
    """Find what an annotation names that is imported for type checkers only: it comes without its module."""
    domain = env.domains.python_domain
    found = [name for name in domain.objects if name.endswith(f".{node.get('reftarget')}")]
    if node.get("refdomain") != "py" or len(found) != 1:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], found[0], node, contnode)
