"""Each method's own options, found by file: `NAME.py` here declares `Options` for the method NAME.

A method without a file here has the options of its group in `bikd_core.config.method`. A method
reads no more than its model has; `bikd_core.config.reading` says which of it.
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
from bikd_core.config.own_loop import OWN_LOOP, OwnLoop
from bikd_core.config.part import ReadIf, options_of


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


def _with_borrowed(
    configs: Mapping[str, type[MethodConfig]],
) -> dict[str, type[MethodConfig]]:
    """Give each method that stands over an objective the options of all objectives too.

    Each of them is read where the objective that is chosen has it.
    """
    return {name: _borrowing(model, configs) for name, model in configs.items()}


def _borrowing(
    model: type[MethodConfig], configs: Mapping[str, type[MethodConfig]]
) -> type[MethodConfig]:
    if "over" not in model.model_fields:
        return model
    found: dict[str, FieldInfo] = {}
    owners: dict[str, tuple[str, ...]] = {}
    for objective in options_of(model.model_fields["over"]):
        for name, info in configs[objective].model_fields.items():
            if name not in model.model_fields:
                found[name] = info
                owners[name] = (*owners.get(name, ()), objective)
    borrowed: dict[str, Any] = {
        name: (Annotated[info.annotation, ReadIf("over", owners[name])], info)
        for name, info in found.items()
    }
    return create_model(model.__name__, __base__=model, **borrowed)


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


_OWN = _configs_of(METHOD_FACTS)
#: By method, the model of its name and the options that it can read.
METHOD_CONFIGS = _with_borrowed(_OWN)
# A config goes to other processes by pickle, which looks for its classes by their names here.
globals().update({model.__name__: model for model in METHOD_CONFIGS.values()})
# A type checker cannot see models that are put together from files: to it they are their base.
if TYPE_CHECKING:
    AllOptions: TypeAlias = MethodConfig
    AnyMethodConfig: TypeAlias = MethodConfig
else:
    AllOptions = _all_options(_OWN)
    AnyMethodConfig = Annotated[
        Union[
            (
                *(Annotated[model, Tag(name)] for name, model in METHOD_CONFIGS.items()),
                Annotated[OwnLoop, Tag(OWN_LOOP)],
            )
        ],
        Discriminator(_method_in),
    ]
