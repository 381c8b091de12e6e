"""A study's raw table on the page, and its results as files."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from bikd_core.studies.results import Results
from bikd_core.studies.tables import FORMATS

_WORDS = {
    ".csv": ("CSV", "One row for each run."),
    ".parquet": ("Parquet", "One row for each run."),
    ".tex": ("LaTeX", "The means, with the answer as caption."),
    ".json": ("JSON", "The answer, the figure's points and all rows."),
}


def downloads(results: Results) -> None:
    """Draw buttons for the raw table as files, and for what to cite."""
    name = f"{results.grid.study.name}-{results.grid.dataset}"
    with st.container(horizontal=True, gap="small", key="study_downloads"):
        for ending, make in FORMATS.items():
            name_of_format, words = _WORDS[ending]
            st.download_button(
                name_of_format,
                data=partial(make, results),
                file_name=f"{name}{ending}",
                icon=":material/download:",
                key=f"download study {ending}",
                on_click="ignore",
                help=words,
            )
    st.caption(f"Cite this: {results.cite()}")


def table(results: Results) -> None:
    """Draw one row for each run that ended."""
    rows = results.rows()
    with st.expander(f"All {len(rows):,} runs"):
        st.dataframe(pd.DataFrame(rows).dropna(axis="columns", how="all"), hide_index=True)
