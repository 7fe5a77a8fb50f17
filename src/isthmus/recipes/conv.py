"""The convolutional autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.conv import Conv
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.recipes._recipe import recipe


@recipe(reference="Masci, Meier, Ciresan and Schmidhuber (2011), ICANN, section 3")
def conv(
    code_size: int = 16,
    channels: Sequence[int] = (16, 32, 64),
    *,
    kernel_size: int = 3,
    activation: str = "relu",
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """Strided convolutions down to a deterministic code, and mirrored ones up again, for images of any size.

    Parameters
    ----------
    code_size : numbers of the code. channels : feature maps of each layer of the encoder.
    kernel_size : of every convolution, in pixels. activation : after every hidden layer.
    loss : a loss part or its name; ``auto`` fits the data's kind. random_state : int, numpy RandomState or None.

    Deviations: strides instead of max-pooling, a dense layer between the last feature maps and the code, and no
    layer-by-layer pretraining.
    """
    return Autoencoder(
        Conv(channels=channels, kernel_size=kernel_size, activation=activation),  # type: ignore[arg-type]
        code=Deterministic(code_size),
        loss=loss,
        random_state=random_state,
    )
