"""Each method's own options, found by file: `NAME.py` here declares `Options` for the method NAME.

A method without a file here has the options of its group in `bikd_core.config.method`. What a
method reads is what its model has: there is no other list.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union

from pydantic import Discriminator, Field, Tag, create_model
from pydantic.fields import FieldInfo

from bikd_core.config.method import GROUPS, MethodConfig
from bikd_core.config.method_facts import METHOD_FACTS, MethodFacts


def _configs_of(facts: Mapping[str, MethodFacts]) -> dict[str, type[MethodConfig]]:
    """Return the model of each method's name and options, by name.

    Raises:
        ValueError: A file belongs to no method, or its `Options` do not extend the right group.
    """
    files = {module.name for module in iter_modules(__path__)}
    if unknown := sorted(files - set(facts)):
        raise ValueError(
            f"config/methods/{unknown[0]}.py has no method: methods/{unknown[0]}.py is missing."
        )
    configs = {}
    for name, fact in facts.items():
        group = GROUPS[fact.needs_teacher, fact.has_weight_net]
        options: type[MethodConfig] | None = group
        if name in files:
            options = getattr(import_module(f"{__name__}.{name}"), "Options", None)
        if options is None:
            raise ValueError(f"config/methods/{name}.py declares no class Options.")
        if not issubclass(options, group):
            raise ValueError(f"config/methods/{name}.py: Options must extend {group.__name__}.")
        method: Any = (Literal[name], Field(name))
        configs[name] = create_model(f"{name}_config", __base__=options, method=method)
    return configs


def _all_options(configs: Mapping[str, type[MethodConfig]]) -> type[MethodConfig]:
    """Return one model with the options of every method, those of the groups first, each once.

    Raises:
        ValueError: Two methods declare one option in two ways.
    """
    found: dict[str, FieldInfo] = {}
    for model in (*GROUPS.values(), *configs.values()):
        for name, info in model.model_fields.items():
            if name != "method" and repr(found.setdefault(name, info)) != repr(info):
                raise ValueError(
                    f"The option {name} is declared twice, differently: declare it in one file of "
                    "config/methods and import it in the others."
                )
    options: dict[str, Any] = {name: (info.annotation, info) for name, info in found.items()}
    options["method"] = (Literal[tuple(configs)], MethodConfig.model_fields["method"])
    return create_model(
        "AllOptions",
        __base__=MethodConfig,
        __doc__="The method, and the options of every method.",
        **options,
    )


def _method_in(options: Any) -> str | None:
    """Return the method that options are given for; None where they name none."""
    is_mapping = isinstance(options, Mapping)
    name = options.get("method") if is_mapping else getattr(options, "method", None)
    return None if name is None else str(name)


#: By method, the model of its name and its own options.
METHOD_CONFIGS = _configs_of(METHOD_FACTS)
# A config goes to other processes by pickle, which looks for its classes by their names here.
globals().update({model.__name__: model for model in METHOD_CONFIGS.values()})
# A type checker cannot see models that are put together from files: to it they are their base.
if TYPE_CHECKING:
    AllOptions: TypeAlias = MethodConfig
    AnyMethodConfig: TypeAlias = MethodConfig
else:
    AllOptions = _all_options(METHOD_CONFIGS)
    AnyMethodConfig = Annotated[
        Union[tuple(Annotated[model, Tag(name)] for name, model in METHOD_CONFIGS.items())],  # noqa: UP007
        Discriminator(_method_in),
    ]
