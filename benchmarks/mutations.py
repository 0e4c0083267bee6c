"""What finds a formula that is off by one: ``python benchmarks/mutations.py`` prints a table of mutations.

Every mutation adds one bit to a storage component of a scheme, or one operation, bit operation or byte to a count of
one of its executions; some do so only where an option of the scheme is in use. Each is put in place in turn, in this
process alone, and ``filterfront validate --quick`` is run on the first of its random layers and one network of the zoo:
what it finds on these, it finds on all. With ``--tests`` the tests of the formulas are run on each mutation as well, in
a process of their own, which takes some minutes.
"""

import argparse
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from tqdm import tqdm

from costmodels.schemes import (
    SCHEMES,
    Dense,
    EntropyCoded,
    LegoNet,
    LinearRepresentation,
    LowRank,
    NMSparse,
    Palettized,
    Pruned,
    Scheme,
    SparseBasis,
    StackedBinary,
    Ternary,
    VectorQuantized,
)
from costmodels.shapes import ConvShape
from explorer.cli import main as filterfront
from explorer.networks.zoo import ZOO
from explorer.validation import validate as validation
from explorer.validation.validate import Effort

ROOT = Path(__file__).resolve().parents[1]
TESTS = ("test_schemes_*.py", "test_cost.py", "test_published_figures.py", "test_naive.py")
"""Of ``tests/costmodels_tests``: those of the formulas, by hand and against the plain loops."""

SETTING = "FILTERFRONT_MUTATION"
COUNTS = ("macs", "additions", "multiplications", "bit_ops", "scratch_bytes", "decoded")
SAMPLES: tuple[Scheme, ...] = (
    Dense(4, zero_bits=4),
    Pruned(0.5, 4),
    StackedBinary(2, 3, "filter"),
    LegoNet(2, 3),
    LinearRepresentation(4, 8),
    SparseBasis(2, 3, 2, 0.5, 8),
    Ternary(),
    Palettized(2),
    VectorQuantized(3, 2, 4, 1),
    EntropyCoded(2.0, 4),
    NMSparse(),
    LowRank(2),
)
"""A scheme of every kind that stores all that its kind can store."""

FIRST = Effort(packed=8, counted=8, expanded=2, run=0, largest=2_000, exported=0, timed=0)


@dataclass(frozen=True)
class Mutation:
    """One more of what a method of a scheme gives.

    Args:
        kind: the scheme.
        method: its name.
        entry: key of the result.
        count: of the entry; "" where that is a number.
        option: attribute of schemes that are changed where it is not zero; "" for all schemes.
    """

    kind: type[Scheme]
    method: str
    entry: str
    count: str = ""
    option: str = ""

    def changed(self) -> Callable[..., Any]:
        """The method, off by one."""
        formula = getattr(self.kind, self.method)

        def off_by_one(scheme: Scheme, shape: ConvShape, *given: Any, **named: Any) -> Any:
            found = formula(scheme, shape, *given, **named)
            if self.entry not in found or (self.option and not np.any(getattr(scheme, self.option))):
                return found
            entry = found[self.entry]
            more = replace(entry, **{self.count: getattr(entry, self.count) + 1}) if self.count else entry + 1
            return {**found, self.entry: more}

        return off_by_one

    @property
    def figure(self) -> str:
        """As `filterfront validate` names it."""
        return f"{self.entry} {self.count}".strip()


def mutations() -> Iterator[Mutation]:
    """Every storage component, and every count of every execution, of every scheme; what zero points add apart."""
    shape = ConvShape(4, 4, (3, 3), (4, 4))
    for sample in SAMPLES:
        kind = type(sample)
        for component in dict.fromkeys(field.component for field in sample.layout(shape)):
            yield Mutation(kind, "storage", component)
        method = "methods" if kind is LinearRepresentation else "executions"
        for execution in kind.method_names:
            for count in COUNTS:
                yield Mutation(kind, method, execution, count)
    yield Mutation(Dense, "storage", "scales", option="zero_width")
    for count in ("macs", "additions", "bit_ops"):
        yield Mutation(Dense, "executions", "direct", count, "zero_width")


def validated(mutation: Mutation) -> tuple[int, bool, str]:
    """The exit code, whether scheme and figure are named, and the first line that says what is off."""
    printed = io.StringIO()
    with (
        patch.object(mutation.kind, mutation.method, mutation.changed()),
        patch.object(Effort, "quick", classmethod(lambda cls, seed=0: FIRST)),
        patch.object(validation, "ZOO", {"digits-cnn": ZOO["digits-cnn"]}),
        redirect_stdout(printed),
        redirect_stderr(io.StringIO()),
    ):
        try:
            filterfront(["validate", "--quick"])
        except SystemExit as end:
            code = int(end.code or 0)
    off = [line for line in printed.getvalue().splitlines() if ": off by " in line]
    named = [line for line in off if f": {mutation.kind.name}, {mutation.figure}: off by +1 " in line]
    return code, bool(named), (named or off or ["nothing"])[0].split(" at ")[0]


def failing_tests(number: int) -> int:
    """How many of the tests fail while a mutation is in place."""
    folder = ROOT / "tests" / "costmodels_tests"
    files = [str(path) for pattern in TESTS for path in sorted(folder.glob(pattern))]
    program = [sys.executable, "-m", "pytest", "-q", "-p", "mutations", "-p", "no:cacheprovider", *files]
    where = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, SETTING: str(number), "PYTHONPATH": where}
    done = subprocess.run(program, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    failed = re.search(r"(\d+) failed", done.stdout)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return int(failed[1]) if failed else 0


def pytest_configure() -> None:
    """Puts a mutation in place where pytest runs for one."""
    if SETTING in os.environ:
        mutation = list(mutations())[int(os.environ[SETTING])]
        setattr(mutation.kind, mutation.method, mutation.changed())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", action="store_true", help="run the tests of the formulas on each mutation too")
    parser.add_argument("--scheme", choices=list(SCHEMES), help="mutations of one scheme only")
    parser.add_argument("--sample", action="store_true", help="of each scheme the first component and the first count")
    arguments = parser.parse_args()
    chosen = [
        (number, mutation)
        for number, mutation in enumerate(mutations())
        if arguments.scheme in (None, mutation.kind.name)
    ]
    if arguments.sample:
        firsts = {(mutation.kind, mutation.count == ""): (number, mutation) for number, mutation in reversed(chosen)}
        chosen = sorted(firsts.values(), key=lambda pair: pair[0])
    print("| scheme | figure | change | exit code | validate says | tests that fail |")
    print("|---|---|---|---:|---|---:|")
    found_by_both = 0
    for number, mutation in tqdm(chosen, desc="mutations", disable=None):
        code, named, line = validated(mutation)
        failed = failing_tests(number) if arguments.tests else None
        found_by_both += code == 1 and named and failed != 0
        tests = "not run" if failed is None else failed
        change = f"+1 with {mutation.option}" if mutation.option else "+1"
        print(f"| {mutation.kind.name} | {mutation.figure} | {change} | {code} | {line} | {tests} |", flush=True)
    print(f"\n{found_by_both} of {len(chosen)} mutations are found and named.")
    sys.exit(0 if found_by_both == len(chosen) else 1)


if __name__ == "__main__":
    main()
