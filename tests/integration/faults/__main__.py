"""Write docs/faults.md."""

from __future__ import annotations

from tests.conftest import ROOT
from tests.integration.faults.page import page

if __name__ == "__main__":
    (ROOT / "docs/faults.md").write_text(page())
