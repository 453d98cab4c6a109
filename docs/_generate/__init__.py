"""Generates the pages of the documentation that are derived from the code: ``nox -s generate``."""
