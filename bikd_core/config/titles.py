"""What a configured method is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bikd_core.config.method import MethodConfig
from bikd_core.config.method_facts import METHOD_FACTS
from bikd_core.config.methods.bikd import AS_PUBLISHED
from bikd_core.config.own_loop import OWN_LOOP


def title_of(method: MethodConfig | Mapping[str, Any]) -> str:
    """Return a method's title: "BiKD" as published, "BiKD over KD (relative)" otherwise.

    Args:
        method: The method's part of a config, or controls with "method" among them; options that
            are not there are as published.
    """
    values = method if isinstance(method, Mapping) else method.model_dump()
    if values["method"] == OWN_LOOP:
        return str(values["loop"])
    title = METHOD_FACTS[values["method"]].title
    if values["method"] != "bikd":
        return title
    over = values.get("over", AS_PUBLISHED["over"])
    is_relative = values.get("weight_scale", AS_PUBLISHED["weight_scale"]) == "relative"
    if over == AS_PUBLISHED["over"] and not is_relative:
        return title
    words = f"{title} over {METHOD_FACTS[over].title}"
    return f"{words} (relative)" if is_relative else words
