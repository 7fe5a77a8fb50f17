"""A contractive sparse denoising variational autoencoder of a table with holes: four parts, no class of its own.

Each of the four is one line below, and each can be left out, changed or joined by a fifth without touching the rest:

* variational: the code is a normal distribution for every row (``Gaussian``), kept near a standard normal;
* denoising: a fifth of the known entries is hidden on the way in (``Masking``), and has to be found again;
* contractive: the code changes little where the row changes little (``Contractive``);
* sparse: the hidden layer is paid for by the unit of activity (``L1``).

The table is scikit-learn's digits, a column a pixel, with a fifth of the entries removed. What the model makes of the
rows and of the holes stands beside what PCA of the same code size and the columns' means make of them. Some seconds.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.codes import Gaussian
from isthmus.corruptions import Masking
from isthmus.penalties import L1, Contractive
from isthmus.training import Training


def main() -> dict[str, dict[str, float]]:
    """Fit, print, and return what was printed."""
    whole, _ = load_digits(return_X_y=True)
    whole = whole[:, whole.std(axis=0) > 0.1]  # pixels that are never lit say nothing
    generator = np.random.default_rng(0)
    table = np.where(generator.random(whole.shape) < 0.2, np.nan, whole)
    train, test, _, truth = train_test_split(table, whole, test_size=0.3, random_state=0)

    model = Autoencoder(
        Dense((256,)),
        code=Gaussian(10),
        corruption=Masking(0.2),
        penalties=(Contractive(0.05), L1(0.001, on="hidden")),
        training=Training(max_epochs=40, batch_size=64, learning_rate=2e-3),
        scaling="standard",
        random_state=0,
    )
    model.fit(train)

    spread = np.nanstd(train, axis=0)
    holes = np.isnan(test)
    candidates = {
        "autoencoder": model.reconstruct(test),
        "PCA": pca(model, test),
        "means": np.broadcast_to(np.nanmean(train, axis=0), test.shape),
    }
    errors = {
        name: {
            "known": float(np.mean(((values - test) / spread)[~holes] ** 2)),
            "holes": float(np.mean(((values - truth) / spread)[holes] ** 2)),
        }
        for name, values in candidates.items()
    }
    last = model.history_[-1]
    print("nats a row:", ", ".join(f"{name} {last[name]:.2f}" for name in last if name not in UNTOLD))
    print(f"{'squared error':14}{'known entries':>15}{'holes':>10}")
    for name, error in errors.items():
        print(f"{name:14}{error['known']:15.3f}{error['holes']:10.3f}")
    return errors


#: Columns of the history that are no terms of the loss.
UNTOLD = ("epoch", "seconds", "learning_rate", "loss")


def pca(model: Autoencoder, table: np.ndarray) -> np.ndarray:
    """What the PCA that every fit keeps as a baseline makes of a table, in the table's units."""
    made = [
        model.baselines_.pca_reconstruction(batch.x.numpy(), batch.mask.numpy())
        for batch in model.batches(table)
    ]
    return np.asarray(model.transform_.inverse(np.concatenate(made).astype(np.float32)))


if __name__ == "__main__":
    main()
