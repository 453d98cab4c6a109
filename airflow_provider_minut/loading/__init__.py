"""Loads rows into tables: an upsert by the dataset's key, into databases and Delta Lake."""
