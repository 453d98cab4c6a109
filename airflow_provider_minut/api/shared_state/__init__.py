"""Backends through which processes share an access token and a rate limit."""
