"""Seeds as text: "0,1,2", "0-9", or both."""

from __future__ import annotations

from collections.abc import Sequence

from bikd_core.config import MAX_SEED, ConfigError

MAX_SEEDS = 200  # in one comparison


def read_seeds(text: str) -> tuple[int, ...]:
    """Read seeds from text such as "0,1,2", "0-9" or "0-4,7".

    Raises:
        ConfigError: The text has another form, or there are more than `MAX_SEEDS`.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        low, high = _whole(first), _whole(last if dash else first)
        if low is None or high is None or high < low or high - low >= MAX_SEEDS - len(seeds):
            raise ConfigError(
                f"seeds = {text[:80]!r} is not possible: it must be whole numbers from 0 to "
                f"{MAX_SEED}, separated by commas, or ranges like 0-9; at most {MAX_SEEDS} seeds."
            )
        seeds += range(low, high + 1)
    return tuple(seeds)


def _whole(text: str) -> int | None:
    is_whole = text.isascii() and text.isdigit() and len(text) <= 10
    return int(text) if is_whole and int(text) <= MAX_SEED else None


def write_seeds(seeds: Sequence[int]) -> str:
    """Write seeds so that `read_seeds` reads them; three or more in a row become a range."""
    parts: list[list[int]] = []
    for seed in seeds:
        if parts and seed == parts[-1][-1] + 1:
            parts[-1].append(seed)
        else:
            parts.append([seed])
    return ",".join(
        f"{part[0]}-{part[-1]}" if len(part) > 2 else ",".join(map(str, part)) for part in parts
    )
