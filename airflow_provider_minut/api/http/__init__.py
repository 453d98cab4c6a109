"""The request path: transport, retries, responses, network errors."""
