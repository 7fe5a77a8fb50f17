"""The autoencoder of disks: one number for a picture whose only freedom is a radius."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.conv import Conv
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.penalties.interpolation import Interpolation
from isthmus.penalties.penalty import Penalty
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
    regularization: float = 10.0,
    interpolation: float = 0.0,
    epochs: int = 312,
    random_state: Any = None,
) -> Autoencoder:
    """A small convolutional autoencoder of disks, down to one number, with weight decay on the encoder only.

    The decay lets it bridge radii that are missing from the training data. For images of 63 x 63 pixels with values in
    [0, 1] such as :func:`isthmus.data.disks.disks` makes.

    Parameters
    ----------
    code_size : numbers of the code. channels : feature maps of each layer of the encoder, each halving the image.
    regularization : weight of half the encoder's sum of squared weights, in nats; 0 is the plain autoencoder.
    interpolation : weight of :class:`isthmus.penalties.interpolation.Interpolation`, which asks the decoder for edges
        half-way between those of two codes; 0 for none.
    epochs : passes over the data; 312 are 5,000 steps over 1000 images. random_state : int, numpy RandomState or None.

    Images of 63 pixels shrink to 31, 15, 7, 3 and 1, so the last feature map is one number.
    Deviations: that number passes a scale and an offset of its own to become the code, and another pair on the way
    back; hyperbolic tangents instead of leaky rectifiers, whose layers of one channel died or bent the way through the
    gap; the decoder's output are logits of a cross-entropy, because between two logits lies a moved edge and between
    two pixels a grey one; the model is a running mean of the weights.
    """
    penalties: list[Penalty] = []
    if regularization:
        penalties.append(WeightDecay(regularization, on="encoder"))
    if interpolation:
        penalties.append(Interpolation(interpolation))
    return Autoencoder(
        Conv(channels=channels, padding="valid", activation="tanh"),  # type: ignore[arg-type]
        code=Deterministic(code_size),
        loss="bce",
        penalties=tuple(penalties),
        training=Training(
            max_epochs=epochs,
            batch_size=64,
            optimizer=Adam(),
            learning_rate=0.003,
            schedule=Constant(),
            averaging=0.999,
        ),
        random_state=random_state,
    )
