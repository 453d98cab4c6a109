"""Polling for conditions and events."""
