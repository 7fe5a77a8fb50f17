"""Tells when an autoencoder does not work, why, and what cures it."""

from __future__ import annotations

from isthmus.doctor.diagnosis import diagnose, diagnose_functions
from isthmus.doctor.finding import Finding, Measure, Picture, Remedy
from isthmus.doctor.report import Report

__all__ = ["Finding", "Measure", "Picture", "Remedy", "Report", "diagnose", "diagnose_functions"]
