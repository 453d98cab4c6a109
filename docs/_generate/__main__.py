"""Write all generated pages."""

from __future__ import annotations

from docs._generate import configuration, errors, faults, tables

if __name__ == "__main__":
    for module in (configuration, errors, faults, tables):
        module.PAGE.write_text(module.page())
        print(f"Wrote {module.PAGE}")
