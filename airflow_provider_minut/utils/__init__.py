"""Helpers of operators, sensors and transfers."""
