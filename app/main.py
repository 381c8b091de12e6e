"""The app's entry point, `streamlit run app/main.py`, with what all pages share.

Streamlit imports this file once for the server, and runs it for each page that is drawn.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[1])
if sys.path[0] != ROOT:  # first: the working folder, which may be there too, may hold an app.py
    sys.path.insert(0, ROOT)

import streamlit as st  # noqa: E402

if __name__ == "__main__":
    from app import navigation

    st.set_page_config("Bilevel Distillation Lab", page_icon="⚖️", layout="wide")
    navigation.show()
else:
    from starlette.middleware import Middleware

    from app.server import files, inputs, owner
    from app.server.start import lifespan

    inputs.act_on_each()
    app = st.App(
        __file__,
        lifespan=lifespan,
        routes=files.routes(),
        middleware=[Middleware(owner.OwnerGate)],
    )
