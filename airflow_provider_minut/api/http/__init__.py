"""The one request path: transport, retries, responses, network errors."""
