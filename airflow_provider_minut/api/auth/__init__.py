"""Client credentials, access tokens, and when they are refreshed."""
