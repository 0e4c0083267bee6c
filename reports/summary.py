"""What the terminal shows of a run: its facts and tables, fitted to a width, and at the end the answer."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from reports.answer import answer
from reports.key_facts import key_facts, warnings
from reports.run_record import RunRecord
from reports.tables import ablation_table, baselines_table, front_table, pair_tables, tuned_table
from reports.tuned_designs import tuned_word

__all__ = ["Detail", "Section", "answer_lines", "sections", "summary"]

QUIET, USUAL, ALL = -1, 0, 1


@dataclass(frozen=True)
class Detail:
    """How much is shown.

    Args:
        level: -1 the answer alone, 0 what is usual, 1 every table.
        explain: whether the conventions of counting are said.
        width: columns of the terminal; None for as many as the text needs.
        limit: rows of a table at most; None for all.
    """

    level: int = USUAL
    explain: bool = False
    width: int | None = None
    limit: int | None = 20


@dataclass(frozen=True)
class Section:
    """A part of the summary: its title, or "", and its text."""

    title: str
    text: str


def sections(run: RunRecord, detail: Detail = Detail()) -> Iterator[Section]:
    """The parts of the summary, without the answer that it ends with.

    Args:
        run: the run.
        detail: how much is shown.
    """
    if detail.level > QUIET:
        yield Section("", _facts(run, detail.width))
        yield from _tables(run, detail)
        if warnings(run):
            yield Section("", "\n".join(_wrapped(f"Warning: {line}", detail.width, 9) for line in warnings(run)))
    if detail.explain:
        said = (_wrapped(f"- {item.key}: {item.statement}", detail.width, 2) for item in run.info.conventions)
        yield Section("Conventions", "\n".join(said))


def _tables(run: RunRecord, detail: Detail) -> Iterator[Section]:
    if len(run.front):
        yield Section("Front", front_table(run, detail.limit, detail.width))
    if len(run.tuned):
        word = tuned_word(run.tuned["epochs"].max())
        yield Section(f"Designs {word}, before and after", tuned_table(run, detail.width))
    if len(run.baselines):
        yield Section("Uniform quantization", baselines_table(run, detail.width))
    if detail.level >= ALL and len(run.front):
        for text in (*pair_tables(run, detail.limit, detail.width), ablation_table(run, detail.width)):
            title, _, table = text.partition("\n")
            if table:
                yield Section(title, "\n".join(_wrapped(line, detail.width, 0) for line in table.splitlines()))


def answer_lines(run: RunRecord, folder: str, width: int | None = None) -> tuple[str, ...]:
    """The recommended design in a sentence, why it, and the next command; nothing where no design fits.

    Args:
        run: the run.
        folder: of the run, for the command.
        width: columns of the terminal; the command stays in one line, so that it can be copied.
    """
    found = answer(run, folder)
    if found is None:
        return ()
    why = next(point.text for point in found.points if point.title == "Why this one")
    return (
        _wrapped(f"Recommended: {found.design}. {found.headline}", width, 2),
        _wrapped(f"Why: {why}", width, 2),
        f"Next: {found.export}",
    )


def summary(run: RunRecord, folder: str, detail: Detail = Detail()) -> str:
    """Everything that the terminal shows of a run, as one text.

    Args:
        run: the run.
        folder: of the run.
        detail: how much is shown.
    """
    parts = [f"{part.title}\n{part.text}" if part.title else part.text for part in sections(run, detail)]
    last = answer_lines(run, folder, detail.width)
    return "\n\n".join([*parts, *(["\n".join(last)] if last else [])])


def _facts(run: RunRecord, width: int | None) -> str:
    facts = [(f"{fact.title}:", f"{fact.value} [{fact.origin}]. {fact.detail}") for fact in key_facts(run)]
    longest = max(len(title) for title, _ in facts)
    if width is not None and longest > width // 3:
        return "\n".join(_wrapped(f"{title} {text}", width, 2) for title, text in facts)
    return "\n".join(_wrapped(f"{title.ljust(longest)} {text}", width, longest + 1) for title, text in facts)


def _wrapped(text: str, width: int | None, indent: int) -> str:
    """A paragraph within a width, its further lines indented."""
    if width is None or len(text) <= width:
        return text
    return textwrap.fill(
        text, max(width, indent + 20), subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )
