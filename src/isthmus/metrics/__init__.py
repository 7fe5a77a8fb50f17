"""Measures of models, computed in a stream. One idea a file."""
