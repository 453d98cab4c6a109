"""The simulated homes and devices of the sandbox."""
