"""The laws of the house that no library checks. ``python -m checks`` applies them all."""
