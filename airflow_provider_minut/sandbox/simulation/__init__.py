"""What the sandbox's homes and devices do."""
