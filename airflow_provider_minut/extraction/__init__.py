"""Extraction of whole datasets, as rows and files."""
