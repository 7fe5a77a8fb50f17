"""All findings on one autoencoder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from isthmus.doctor.finding import SEVERITIES, Finding
from isthmus.errors import ParameterError, nearest


@dataclass(frozen=True)
class Report:
    """What the doctor found.

    Parameters
    ----------
    findings : one a check, in the order of causes before effects. facts : what was looked at, by name.

    ``report["blur"]`` is the finding of that code.
    """

    findings: tuple[Finding, ...]
    facts: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, code: str) -> Finding:
        for finding in self.findings:
            if finding.code == code:
                return finding
        codes = [finding.code for finding in self.findings]
        near = nearest(code, codes)
        hint = f"did you mean {near!r}" if near else f"it has {', '.join(codes)}"
        raise ParameterError(f"this report has no finding {code!r}: {hint}.")

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    @property
    def healthy(self) -> bool:
        """True without any warning or failure."""
        return not any(finding.bad for finding in self.findings)

    @property
    def failed(self) -> bool:
        """True with a failure; a warning is none."""
        return any(finding.severity == "failure" for finding in self.findings)

    @property
    def faults(self) -> tuple[Finding, ...]:
        """Checks that broke off, which is a fault of isthmus: of what they ask nothing is known."""
        return tuple(finding for finding in self.findings if finding.fault)

    @property
    def bad(self) -> tuple[Finding, ...]:
        """Failures, then warnings, each in the order of causes before effects."""
        return tuple(
            sorted((one for one in self.findings if one.bad), key=lambda one: -SEVERITIES.index(one.severity))
        )

    @property
    def summary(self) -> str:
        """The verdict in a sentence."""
        ran = sum(finding.severity != "skipped" for finding in self.findings)
        if not ran:
            return "No check could run, so nothing is known about this autoencoder."
        if self.healthy:
            return f"Healthy: none of the {ran} checks that apply found anything wrong."
        worst = self.bad[0]
        others = len(self.bad) - 1
        more = "" if not others else f" {others} more finding{'s' if others > 1 else ''} below."
        return f"{worst.title.rstrip('.')}.{more}"

    def to_json(self) -> dict[str, Any]:
        """The document of ``isthmus diagnose --json``."""
        return {
            "findings": [finding.to_json() for finding in self.findings],
            "healthy": self.healthy,
            "summary": self.summary,
            "facts": dict(self.facts),
        }

    def to_html(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write one page that works without a network.

        Raises: MissingExtraError without matplotlib, OutputError when it cannot be written.
        """
        from isthmus.persistence.atomic import write_bytes
        from isthmus.reports.diagnosis import render

        write_bytes(path, render(self).encode(), overwrite=overwrite)
