"""How an autoencoder is trained: :class:`Training` holds the choices, the other modules carry them out."""

from isthmus.registry import lazy_package

__getattr__, __dir__ = lazy_package("training")
