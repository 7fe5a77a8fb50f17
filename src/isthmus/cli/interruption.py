"""Ctrl-C with something to say."""

from __future__ import annotations


class Interrupted(KeyboardInterrupt):
    """The user stopped a command; the message says what was kept and how to go on."""
