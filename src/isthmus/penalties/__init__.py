"""What else is asked: of the code, the weights, the Jacobian, pairs or labels. One idea a file; found by listing."""

from isthmus.registry import lazy_package

__getattr__, __dir__ = lazy_package("penalties")
