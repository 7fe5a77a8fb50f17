"""Tells when an autoencoder does not work, why, and what cures it."""

from __future__ import annotations

from isthmus.doctor.diagnosis import diagnose, diagnose_functions
from isthmus.doctor.finding import Finding, Measure, Picture, Remedy
from isthmus.doctor.history import Attempt, Treatment, TreatmentInterrupted
from isthmus.doctor.report import Report
from isthmus.doctor.treatment import treat

__all__ = [
    "Attempt",
    "Finding",
    "Measure",
    "Picture",
    "Remedy",
    "Report",
    "Treatment",
    "TreatmentInterrupted",
    "diagnose",
    "diagnose_functions",
    "treat",
]
