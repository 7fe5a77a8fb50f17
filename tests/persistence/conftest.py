"""Everyday tests do not wait for the disk."""

import os

import pytest


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """Without a power cut nothing can be seen of fsync but its time; tests of failures put their own in."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
