"""What a model is asked for beside small errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.codes.gaussian import Gaussian
from isthmus.penalties.auxiliary_k import AuxiliaryK
from isthmus.penalties.gated_auxiliary import GatedAuxiliary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isthmus.doctor.patient import Patient
    from isthmus.doctor.statistics.rival import Rival
    from isthmus.penalties.penalty import Penalty


def asked_for(patient: Patient, rival: Rival) -> str:
    """In words; empty for nothing, and where a pair of functions does not say."""
    found = ["few active units"] if rival.sparse else []
    if patient.model is not None:
        parts = patient.model.network_.parts
        found += ["codes near a prior"] if isinstance(parts.code, Gaussian) and parts.code.beta else []
        found += ["undoing damage"] if parts.corruption is not None else []
        found += ["penalties"] if costly(parts.penalties) else []
    return ", ".join(found)


def costly(penalties: Sequence[Penalty]) -> list[Penalty]:
    """Penalties that ask for something else than small errors."""
    return [one for one in penalties if not isinstance(one, AuxiliaryK | GatedAuxiliary)]
