"""How large and of what nature the bottleneck is. One idea a file; found by listing."""

from isthmus.registry import lazy_package

__getattr__, __dir__ = lazy_package("codes")
