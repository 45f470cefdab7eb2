"""Scheduling and dispatch for field-service companies: the work that SQL hands to Python."""
