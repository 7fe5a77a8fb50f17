"""The autoencoder of disks: one number for a picture whose only freedom is a radius."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.conv import Conv
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.penalties.weight_decay import WeightDecay
from isthmus.recipes._recipe import recipe
from isthmus.training.optimizers.adam import Adam
from isthmus.training.schedules.constant import Constant
from isthmus.training.training import Training


@recipe(
    reference="Newson, Almansa, Gousseau and Ladjal (2019), J. Math. Imaging Vis., arXiv:1904.07099, section 3 "
    "(asymmetrical regularization)"
)
def disk(
    code_size: int = 1,
    channels: Sequence[int] = (8, 4, 3, 2, 1),
    *,
    regularization: float = 1.0,
    epochs: int = 312,
    random_state: Any = None,
) -> Autoencoder:
    """A small convolutional autoencoder of disks, down to one number, with weight decay on the encoder only.

    The decay lets it bridge radii that are missing from the training data. For images of 63 x 63 pixels such as
    :func:`isthmus.data.disks.disks` makes.

    Parameters
    ----------
    code_size : numbers of the code. channels : feature maps of each layer of the encoder, each halving the image.
    regularization : weight of half the encoder's sum of squared weights, in nats; 0 is the plain autoencoder.
    epochs : passes over the data; 312 are 5,000 steps over 1000 images. random_state : int, numpy RandomState or None.

    Images of 63 pixels shrink to 31, 15, 7, 3 and 1, so the last feature map is one number.
    Deviations: that number passes a scale and an offset of its own to become the code, and another pair on the way
    back; exponential linear units, since leaky rectifiers died in the layers of one channel; the loss is half the
    summed squared error of an image; the model is a running mean of the weights.
    """
    return Autoencoder(
        Conv(channels=channels, padding="valid", activation="elu"),  # type: ignore[arg-type]
        code=Deterministic(code_size),
        loss="mse",
        penalties=(WeightDecay(regularization, on="encoder"),) if regularization else (),
        training=Training(
            max_epochs=epochs,
            batch_size=64,
            optimizer=Adam(),
            learning_rate=0.01,
            schedule=Constant(),
            averaging=0.999,
        ),
        random_state=random_state,
    )
