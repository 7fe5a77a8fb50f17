"""What a code is like before any data are seen. One idea a file; found by listing."""

from isthmus.registry import lazy_package

__getattr__, __dir__ = lazy_package("priors")
