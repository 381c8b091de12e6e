"""Prints what is in somebody's own pictures."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bikd_core.config import ConfigError, RunConfig
from bikd_core.data.own.preview import Duplicate, Preview
from bikd_core.data.possible import check_possible, models_for
from bikd_core.data.small_classes import small_class_warning


def print_preview(found: Preview, most: int) -> None:
    """Print counts, what was set aside, duplicates, and what may be trained.

    Args:
        found: What is in the pictures.
        most: Rows of each list; of the classes, the first and the last ones.
    """
    console, facts = Console(highlight=False, soft_wrap=True), found.facts
    kind = "colour" if facts.channels == 3 else "grey"
    num_pictures = sum(row.total for row in found.classes)
    console.print(
        f"{facts.title}: {num_pictures:,} {kind} pictures of {facts.num_classes} classes, resized "
        f"to {facts.size}×{facts.size}",
        markup=False,
    )
    console.print(_counts(found, most))
    _print_set_aside(console, found, most)
    _print_duplicates(console, found, most)
    console.print(_what_may_be_trained(found), markup=False)


def _counts(found: Preview, most: int) -> Table:
    """Return the classes head → tail; of many, the largest and the smallest."""
    facts = found.facts
    table = Table("class")
    columns = ["train"]
    columns += ["test"] * facts.has_test + ["val"] * facts.has_val
    for column in columns:
        table.add_column(column, justify="right")
    rows = [*found.classes]
    if len(rows) > most:
        head = rows[: -(-most // 2)]
        tail = rows[len(rows) - most // 2 :]
        for row in head:
            table.add_row(escape(row.name), *(f"{getattr(row, name):,}" for name in columns))
        table.add_row(f"… {len(rows) - most:,} more", *("" for _ in columns))
        rows = tail
    for row in rows:
        table.add_row(escape(row.name), *(f"{getattr(row, name):,}" for name in columns))
    return table


def _print_set_aside(console: Console, found: Preview, most: int) -> None:
    if not found.num_set_aside:
        return
    total = found.num_set_aside
    console.print(f"{total:,} file{'s are' if total > 1 else ' is'} left out:")
    lines = [f"{name[:200]} {why}" for name, why in found.set_aside]
    _print_lines(console, lines, most, total)


def _print_duplicates(console: Console, found: Preview, most: int) -> None:
    if not found.duplicates:
        console.print("No picture is there twice, or nearly.")
        return
    leaks, two_labels = found.num_duplicates("leak"), found.num_duplicates("two_labels")
    console.print(
        f"{found.num_duplicates('exact'):,} pictures are there twice, and "
        f"{found.num_duplicates('near'):,} nearly. {leaks:,} of these pairs lie in two splits, "
        f"{two_labels:,} have two labels."
    )
    if leaks:
        console.print(
            "A test picture that was trained on makes a result worthless: delete one of each pair "
            "in two splits."
        )
    elif not found.facts.has_test:
        console.print(
            "D_val and the test set are drawn from these pictures, so that a pair may fall apart "
            "into training and test: delete one of each."
        )
    lines = [_pair(each) for each in found.duplicates]
    _print_lines(console, lines, most, len(lines))


def _pair(each: Duplicate) -> str:
    marks: list[str] = [each.kind]
    marks += [f"in {each.splits[0]} and {each.splits[1]}"] * each.is_leak
    marks += ["labels {!r} and {!r}".format(*each.class_names)] * each.has_two_labels
    return f"{each.first[:200]} = {each.second[:200]} ({', '.join(marks)})"


def _print_lines(console: Console, lines: Sequence[str], most: int, total: int) -> None:
    for line in lines[:most]:
        console.print(f"  {line}", markup=False)
    if total > most:
        console.print(f"  … {total - most:,} more")


def _what_may_be_trained(found: Preview) -> str:
    config = RunConfig.from_flat({"dataset": found.dataset})
    try:
        check_possible(config)
    except ConfigError as error:
        return f"Nothing can be trained on them as they are. {error}"
    warning = small_class_warning(config.data)
    networks = f"Networks that take them: {', '.join(models_for(found.dataset))}."
    name = f"Data set {found.dataset}: bikd run --dataset {found.dataset} trains on it."
    return "\n".join(line for line in (warning, networks, name) if line)
