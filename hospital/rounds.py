"""Many patients on a few processes; results are written as they come, and a run that was killed goes on."""

from __future__ import annotations

import functools
import hashlib
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import Any

from hospital.protocol import Admission

HERE = Path(__file__).resolve().parent
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

Record = dict[str, Any]


def fingerprint() -> str:
    """Of everything that decides a result here: results of another doctor or another hospital are not reused."""
    files = [*(HERE.parent / "src" / "isthmus" / "doctor").rglob("*.py")]
    files += [
        HERE / f"{name}.py"
        for name in ("data", "sound", "controls", "biased", "leak", "examination", "treatment")
    ]
    files += [*(HERE / "illnesses").glob("*.py")]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def kept(file: Path, stamp: str) -> list[Record]:
    """Results of an earlier run of the same fingerprint, without crashes and lines cut short by a kill."""
    found = []
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if record.get("fingerprint") == stamp and "crash" not in record:
            found.append(record)
    return found


def made(
    work: Callable[..., Record],
    who: list[Admission],
    file: Path,
    *,
    workers: int,
    until: float,
    **options: Any,
) -> tuple[list[Record], int]:
    """What ``work(admission, **options)`` gives for each, and how many were left when the time was over.

    file : results by line, read first and appended to. until : of time.monotonic, after which none is begun.
    """
    stamp = fingerprint()
    records = kept(file, stamp)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    done = {record["name"] for record in records}
    waiting = [one for one in who if one.name not in done]
    total = len(waiting)
    with file.open("a") as stream:
        for record in _running(functools.partial(_safely, work, options), waiting, workers, until):
            total -= 1
            record["fingerprint"] = stamp
            records.append(record)
            stream.write(json.dumps(record) + "\n")
            stream.flush()
            sys.stderr.write(_line(record, total))
    wanted = {one.name for one in who}
    return [record for record in records if record["name"] in wanted], total


def _running(
    work: Callable[[Admission], Record], waiting: list[Admission], workers: int, until: float
) -> Any:
    """Results as they come; no more are begun than the processes can take, so that the end comes in time."""
    queue = iter(waiting)
    if workers == 0:
        yield from (work(one) for one in queue if time.monotonic() < until)
        return
    for name in _THREADS:  # read by the processes when they begin
        os.environ[name] = str(max(1, (os.cpu_count() or 1) // workers))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare) as pool:
        running = {pool.submit(work, one) for one in islice(queue, workers + 1)}
        while running:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                if time.monotonic() < until:
                    running |= {pool.submit(work, one) for one in islice(queue, 1)}
                yield future.result()


def _prepare() -> None:
    import torch

    torch.set_num_threads(int(os.environ[_THREADS[0]]))


def _safely(work: Callable[..., Record], options: dict[str, Any], who: Admission) -> Record:
    started = time.perf_counter()
    try:
        record = work(who, **options)
    except Exception as error:  # noqa: BLE001 one patient that cannot be made must not end the run
        record = {"name": who.name, "ward": who.ward, "kind": who.kind, "data": who.data, "seed": who.seed}
        record |= {"crash": f"{type(error).__name__}: {error}", "verdicts": {}}
    return record | {"total": float(f"{time.perf_counter() - started:.4g}")}


def _line(record: Record, left: int) -> str:
    bad = record.get("after")
    if bad is None:
        bad = [
            code
            for code, verdict in record["verdicts"].items()
            if verdict in ("warning", "failure", "crashed")
        ]
    said = record.get("crash") or ", ".join(bad) or "nothing found"
    return f"  {left:4d} left  {record['total']:6.1f} s  {record['name']}: {said}\n"
