"""What checks judge by: intervals, tests and probes, each on rows that it did not learn from."""
