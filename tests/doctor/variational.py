"""Variational autoencoders of digits, sound and ill, trained once a session."""

from __future__ import annotations

from functools import cache

from doctor.patients import digits
from isthmus import Autoencoder
from isthmus.recipes import vae
from isthmus.training import Training


@cache
def variational(size: int = 4, loss: str = "bce", beta: float = 1.0, epochs: int = 90) -> Autoencoder:
    """One of a code of ``size``, trained by that loss with that weight of the divergence."""
    training = Training(max_epochs=epochs, batch_size=64, learning_rate=4e-3, threads=1)
    model = vae(size, (48,), loss=loss, random_state=0)
    return model.set_params(code__beta=beta, training=training).fit(digits()[0])
