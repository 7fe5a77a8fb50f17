"""Autoencoders that tests examine: trained once a session, on data that ship with scikit-learn."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.doctor.admission import of_functions, of_model
from isthmus.doctor.patient import Patient
from isthmus.training import Training


@cache
def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(X_train, X_test, y_train, y_test) of digits in [0, 1], (n, 8, 8)."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    X, y = (data.images[order] / 16).astype(np.float32), data.target[order]
    return X[:1300], X[1300:], y[:1300], y[1300:]


@cache
def healthy() -> Autoencoder:
    """A sound autoencoder of digits."""
    model = Autoencoder(
        Dense(hidden=(128, 64)),
        code=8,
        loss="bce",
        training=Training(max_epochs=40, batch_size=64, learning_rate=3e-3),
        random_state=0,
    )
    return model.fit(digits()[0])


def patient(model: Autoencoder | None = None, *, labelled: bool = True) -> Patient:
    """A model of digits, the healthy one by default, with training and held-out digits."""
    X_train, X_test, y_train, y_test = digits()
    labels = {"y_train": y_train, "y_test": y_test} if labelled else {}
    return of_model(model or healthy(), X_train, X_test, **labels)


def functions(encode: Any, decode: Any, X_train: Any = None, X_test: Any = None, **labels: Any) -> Patient:
    """A pair of functions as a patient, on flat digits by default."""
    if X_train is None:
        X_train, X_test = (X.reshape(len(X), -1) for X in digits()[:2])
    return of_functions(encode, decode, X_train, X_test, **labels)
