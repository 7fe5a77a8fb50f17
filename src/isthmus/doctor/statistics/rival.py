"""The PCA that a model is fairly compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.codes.gaussian import Gaussian
from isthmus.doctor.statistics.sparsity import SPARSE, active_share, varying
from isthmus.penalties.kl_sparsity import KLSparsity

if TYPE_CHECKING:
    from isthmus.doctor.patient import Patient
    from isthmus.estimator import Autoencoder
    from isthmus.metrics.baselines import Baselines

#: Variance of a posterior's means in the prior's, above which a unit of a Gaussian code is active (Burda et al. 2016).
ACTIVE = 0.01


@dataclass(frozen=True)
class Rival:
    """PCA of as many directions as a row's code says things. size : that number. baselines : of it. words : on it.

    Codes of which a row uses only some units are compared with as many directions as units are active in a row,
    Gaussian ones with as many as units vary over rows, all others with as many as the code has numbers. sparse : the
    first kind.
    """

    size: int
    baselines: Baselines
    words: str
    sparse: bool = False

    @classmethod
    def of(cls, patient: Patient) -> Rival:
        """The rival of a patient's code."""
        baselines, size = patient.baselines, patient.code_size
        asked = None if patient.model is None else _asked_activity(patient.model)
        if active_share(patient.codes) < SPARSE:
            used = (patient.codes != 0)[:, varying(patient.codes)].sum(axis=1)
            active = max(1, round(float(used.mean())))
            words = f"as many directions as units are active in a row ({active})"
            return cls(active, baselines.truncated(active), words, sparse=True)
        if asked is not None and asked < SPARSE:
            active = max(1, round(asked * size))
            words = f"as many directions as units are asked to be active in a row ({active})"
            return cls(active, baselines.truncated(active), words, sparse=True)
        if patient.model is not None and isinstance(patient.model.part("code"), Gaussian):
            active = max(1, int((patient.codes.var(axis=0, dtype=np.float64) > ACTIVE).sum()))
            if active < size:
                words = f"as many directions as units of the code vary ({active})"
                return cls(active, baselines.truncated(active), words)
        return cls(size, baselines, "the same size")

    def squares(self, patient: Patient) -> Any:
        """(n, features) squared errors of the rows judged."""
        test = patient.test
        return test.squares(self.baselines.pca_reconstruction(test.x, test.known))


def _asked_activity(model: Autoencoder) -> float | None:
    """The mean activity that a penalty asks of the code's units, whose numbers are never quite 0."""
    asked = [one.activity for one in model.penalties if isinstance(one, KLSparsity) and one.on == "code"]
    return min(asked, default=None)
