"""What is wrong with an autoencoder that isthmus did not build: a plain PyTorch module, trained in a plain loop.

The doctor asks for two functions of arrays, one that encodes and one that decodes, and for the rows that the model was
trained on and rows that it was not. Nothing of the model has to change. Two are examined here, of scikit-learn's
digits: one that was trained well, and one whose learning rate was so large that it answers with the average.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from isthmus.doctor import Report, diagnose_functions

#: What is asked; without ``checks`` all that apply are.
CHECKS = ("mean-collapse", "blur", "opaque-code")


class PlainAutoencoder(nn.Module):
    """Two stacks of linear layers."""

    def __init__(self, features: int, code_size: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(features, 128), nn.ReLU(), nn.Linear(128, code_size))
        self.decoder = nn.Sequential(nn.Linear(code_size, 128), nn.ReLU(), nn.Linear(128, features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (batch, features) -> its reconstruction."""
        return self.decoder(self.encoder(x))


def trained(x: torch.Tensor, *, learning_rate: float, epochs: int = 40) -> PlainAutoencoder:
    """A plain loop: Adam, batches of 64, squared errors."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = PlainAutoencoder(x.shape[1], code_size=8)
        optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(64):
                loss = (model(x[rows]) - x[rows]).square().sum(1).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return model.eval()


def functions(module: nn.Module, shape: tuple[int, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """A module of flat rows as a function of arrays."""

    def function(values: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            rows = torch.from_numpy(values.reshape(len(values), -1))
            return module(rows).numpy().reshape(len(values), *shape)

    return function


def main() -> dict[str, Report]:
    """Train, diagnose, print, and return the reports."""
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)  # (1797, 8, 8): as images, so that blur can be seen
    train, test, y_train, y_test = train_test_split(images, digits.target, test_size=0.3, random_state=0)
    reports = {}
    for name, learning_rate in {"trained well": 3e-3, "trained too fast": 1.0}.items():
        model = trained(torch.from_numpy(train).flatten(1), learning_rate=learning_rate)
        reports[name] = diagnose_functions(
            encode=functions(model.encoder, (-1,)),
            decode=functions(model.decoder, images.shape[1:]),
            X_train=train,
            X_test=test,
            y_train=y_train,
            y_test=y_test,
            checks=CHECKS,
        )
        print(f"{name}: {reports[name].summary}")
        for finding in reports[name]:
            print(f"  {finding.severity:8} {finding.code}: {finding.title}")
            for remedy in finding.remedies[:1]:
                print(f"           {remedy.text}")
    return reports


if __name__ == "__main__":
    main()
