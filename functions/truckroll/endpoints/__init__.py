"""What each path does: a request model, a handler of a few lines, the work elsewhere."""
