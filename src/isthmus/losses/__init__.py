"""What a good reconstruction is, in nats per sample. One idea a file; found by listing."""

from isthmus.registry import lazy_package

__getattr__, __dir__ = lazy_package("losses")
