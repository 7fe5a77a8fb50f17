"""Benchmarks of isthmus beside a plain PyTorch loop and its peers: ``python -m benchmarks --help``."""
