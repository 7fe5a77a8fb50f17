"""What is damaged on the way in; the target stays clean. One idea a file; found by listing."""

from isthmus.registry import lazy_package

__getattr__, __dir__ = lazy_package("corruptions")
