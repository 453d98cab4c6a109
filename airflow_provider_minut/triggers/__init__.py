"""Triggers of the Minut provider."""
