"""Autoencoders made ill by known mistakes, and healthy ones: how often the doctor is right. ``python -m hospital``."""
