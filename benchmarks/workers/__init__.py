"""One program a contender; each runs in a fresh process and prints JSON."""
