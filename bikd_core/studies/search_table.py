"""The table of a search's trials: written as plain data for JSON, and read to refill a storage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from bikd_core.config import ConfigError, explain
from bikd_core.studies.search import Search, TrialResult, first_difference


class _Facts(BaseModel):
    identity: dict[str, dict[str, Any]]


class _Table(BaseModel):
    search: _Facts
    trials: dict[str, tuple[TrialResult, ...]]


_TABLES = TypeAdapter(list[_Table])


def as_data(search: Search, found: Mapping[str, Sequence[TrialResult]]) -> dict[str, Any]:
    """Return the search and its trials, best first, as plain data for JSON."""
    controls = search.judged_base.flat()
    return {
        "search": {
            "controls": {k: v for k, v in controls.items() if k not in search.own_to_runs},
            "methods": list(search.methods),
            "trials_of_each": search.num_trials,
            "search_seed": search.seed,
            "seeds": list(search.seeds),
            "splits": search.splits,
            "by": search.by,
            "judged_on": "held-out half of D_val" if controls["hold_out_half"] else "D_val",
            "identity": {method: search.identity(method) for method in search.methods},
        },
        "trials": {
            method: [result._asdict() for result in search.ranked(results)]
            for method, results in found.items()
        },
    }


def read_table(path: Path, search: Search) -> dict[str, tuple[TrialResult, ...]]:
    """Return the trials of a search from a table that `as_data` made, by method.

    Args:
        path: A JSON file with one table or a list of them.
        search: Takes its own trials only; at least one method must have some.

    Raises:
        ConfigError: The file cannot be read, or no table in it is of this search.
    """
    refused = f"refill = {str(path)!r} is not possible: "
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        tables = _TABLES.validate_python(data if isinstance(data, list) else [data])
    except OSError as error:
        raise ConfigError(f"{refused}{error.strerror or error}.") from error
    except ValidationError as error:
        raise ConfigError(f"{refused}it is no table of trials: {explain(error)}") from error
    except ValueError as error:
        raise ConfigError(f"{refused}it is no table of trials: {error}.") from error
    found: dict[str, tuple[TrialResult, ...]] = {}
    why = "it has none of these methods"
    for table in tables:
        for method, results in table.trials.items():
            if method not in search.methods:
                continue
            stored = table.search.identity.get(method, {})
            if difference := first_difference(stored, search.identity(method)):
                why = f"its trials of {method} are of another search ({difference})"
            else:
                found[method] = results
    if not found:
        raise ConfigError(f"{refused}{why}.")
    return found
