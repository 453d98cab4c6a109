"""The endpoints below the base URL, one module per resource."""
