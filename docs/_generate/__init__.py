"""Writes the pages of the documentation that say what the code says: ``nox -s generate``."""
