"""Blocks of torch modules that architectures are made of."""
