"""A sound autoencoder of each data set, from which every mistake departs in one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hospital.protocol import Case
from isthmus.architectures.dense import Dense
from isthmus.errors import NonFiniteError
from isthmus.estimator import Autoencoder
from isthmus.training.training import Training

if TYPE_CHECKING:
    from hospital.data import Data

HIDDEN = (64, 32)
#: Rows a step and rate of a sound training; the rate falls by a cosine.
BATCH, RATE = 64, 3e-3


def sound(data: Data, seed: int, **changes: Any) -> Autoencoder:
    """A model that suits the data, with some parameters by the names of ``set_params`` changed."""
    model = Autoencoder(
        Dense(hidden=HIDDEN),
        code=data.code,
        loss="bce" if data.images else "mse",
        training=training(data),
        scaling=data.scaling,
        random_state=seed,
    )
    return model.set_params(**changes)


def training(data: Data, **changes: Any) -> Training:
    """A training that suits the data, on one thread."""
    settings: dict[str, Any] = {
        "max_epochs": data.epochs,
        "batch_size": BATCH,
        "learning_rate": RATE,
        "threads": 1,
        "device": "cpu",
    }
    return Training(**(settings | changes))


def trained(
    model: Autoencoder,
    data: Data,
    *,
    X: tuple[Any, Any] | None = None,
    y: tuple[Any, Any] | None = None,
) -> Case:
    """Fit and hand over: X and y are training and held-out rows, those of the data by default."""
    X_train, X_test = X or (data.X_train, data.X_test)
    y_train, y_test = y or (data.y_train, data.y_test)
    refusal = ""
    try:
        model.fit(X_train, y_train)
    except NonFiniteError as error:
        refusal = str(error)
    return Case(model, X_train, X_test, y_train, y_test, refusal)
