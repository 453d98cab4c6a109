"""Where processes share a token and a rate limit."""
