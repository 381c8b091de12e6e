"""plotly.js as the server sends it: compressed once, compiled by the browser beside its page."""

from __future__ import annotations

import gzip
from functools import cache

from starlette.requests import Request
from starlette.responses import Response

from app.server.static_files import PLOTLY

#: The whole file lies compiled when the page wants it: a browser that knows this line does that
#: while it loads, the others read a comment. (Else Chromium compiles each function at its first
#: call, when the page waits.) https://github.com/WICG/explicit-javascript-compile-hints-file-based
_COMPILE_HINT = b"//# allFunctionsCalledOnLoad\n"
# Its address ends with its version.
_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


async def figure_script(request: Request) -> Response:
    """Return plotly.js. Streamlit's own file server would compress it for each browser anew."""
    headers = dict(_HEADERS)
    content, compressed = _contents()
    if "gzip" in request.headers.get("accept-encoding", ""):
        content = compressed
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type="text/javascript", headers=headers)


@cache
def _contents() -> tuple[bytes, bytes]:
    content = _COMPILE_HINT + PLOTLY.read_bytes()
    return content, gzip.compress(content, mtime=0)
