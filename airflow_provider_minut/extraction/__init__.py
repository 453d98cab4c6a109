"""Whole datasets, as rows and as files."""
