"""How many layers, how many nodes a layer, of which kind. One idea a file; found by listing."""

from isthmus.registry import lazy_package

__getattr__, __dir__ = lazy_package("architectures")
