"""How the distance to the best grows with layers and candidates: ``python benchmarks/layers.py [--seconds 60]``.

Synthetic layers of 1,000 to 100,000 weights; random candidates take 1 to 8 bits a weight, with a squared error of
4^-bits a weight times a seeded factor of 0.5 to 2 for the layer and up to 4 for the candidate. Of each space two
questions: the complete front of flash and error, which is exact; and the least error within half of the flash between
the smallest design and the largest, by a program that proves how far its design is from the best. Every case is a
process of its own, stopped after so many seconds. Processor time; memory is the most that the process held.
"""

import argparse
import resource
import signal
import subprocess
import sys
import time

import numpy as np

from costmodels import Dense
from searches.candidates import Candidates, CandidateTable
from searches.errors import SearchError
from searches.exact import exact_front
from searches.milp import best_design
from searches.table_columns import COLUMNS
from searches.tabulated import tabulated_figures

OBJECTIVES = ("flash_bytes", "error")
CASES = [(layers, count) for layers in (10, 100, 1_000, 10_000) for count in (10, 200)]


def drawn(layers: int, count: int) -> Candidates:
    """Candidate tables, errors as multiples of a power of two whose sums are exact."""
    generator = np.random.default_rng(layers * count)
    bits = generator.uniform(1, 8, (layers, count))
    weights = np.exp(generator.uniform(np.log(1e3), np.log(1e5), (layers, 1)))
    errors = weights * 4.0**-bits * generator.uniform(0.5, 2, (layers, 1)) * 4 ** generator.uniform(0, 1, bits.shape)
    flash = np.rint(bits * weights / 8).astype(np.int64)
    step = np.frexp(errors.max(axis=1).sum())[1] - 52
    errors = np.ldexp(np.rint(np.ldexp(errors, -step)), step)
    zeros = {name: np.zeros(count, np.int64) for name in COLUMNS}
    schemes, shared = (Dense(),) * count, (frozenset(),) * count
    tables = (
        CandidateTable(f"l{number}", schemes, {**zeros, "flash_bytes": sizes, "error": squares}, shared)
        for number, (sizes, squares) in enumerate(zip(flash, errors, strict=True))
    )
    return Candidates(tuple(tables), {})


def front(candidates: Candidates) -> str:
    return f"{len(exact_front(candidates, OBJECTIVES).designs):,} points"


def least(candidates: Candidates) -> str:
    ends = [[int(pick(table.columns["flash_bytes"])) for table in candidates.layers] for pick in (np.argmin, np.argmax)]
    cap = int(tabulated_figures(candidates, np.array(ends), ["flash_bytes"])["flash_bytes"].mean())
    return f"within {best_design(candidates, 'error', {'flash_bytes': cap}, gap=1e-4).gap:.4%}"


QUESTIONS = {"front": front, "least": least}


def answer(question: str, layers: int, count: int) -> None:
    candidates = drawn(layers, count)
    exact_front(drawn(2, 3), OBJECTIVES)  # compiles
    begin = time.process_time()
    try:
        found = QUESTIONS[question](candidates)
    except SearchError as error:
        found = f"refused: {str(error).partition(';')[0]}"
    seconds = time.process_time() - begin
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{found}, {seconds:.1f} s, {memory:,.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="that a case may take")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        signal.alarm(arguments.seconds)
        answer(arguments.one[0], *map(int, arguments.one[1:]))
        return
    print(
        "| layers | candidates a layer | complete front | least error within a budget |\n|---|---|---|---|", flush=True
    )
    for layers, count in CASES:
        cells = []
        for question in QUESTIONS:
            one = ["--seconds", str(arguments.seconds), "--one", question, str(layers), str(count)]
            done = subprocess.run([sys.executable, __file__, *one], capture_output=True, text=True, check=False)
            cells.append(done.stdout.strip() if done.returncode == 0 else f"more than {arguments.seconds} s")
        print(f"| {layers:,} | {count} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
