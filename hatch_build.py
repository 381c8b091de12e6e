"""Puts plotly.js into the wheel, so that an installed app never writes into its own folder."""

from importlib import resources
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PlotlyScript(BuildHookInterface[Any]):
    """Adds the script of the plotly package that the wheel is built with."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return  # in a checkout the app copies the script when it starts
        script = resources.files("plotly") / "package_data" / "plotly.min.js"
        target = "bikd_core/_bundled/app/static/plotly.min.js"
        build_data["force_include"][str(script)] = target
