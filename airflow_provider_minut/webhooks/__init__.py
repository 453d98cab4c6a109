"""Registered webhooks and their receiver."""
