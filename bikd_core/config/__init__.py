"""What a run is asked to do: every control once, with its name, range, unit and one line of help.

The command line's options, the page's widgets, the URL's parameters and the stored `run.json`
are all made from these models. Plain values only: no torch, no open files, no callables.

The names of all fields are unique across the parts, so that a config also has a flat form
(`RunConfig.flat`, `RunConfig.from_flat`): that is what a URL or a command line holds.

The flat form has all controls, the options of every method among them; a `RunConfig` has the
options of its own method alone. One rule connects the two: what the method does not read is no
part of the run. The command line and the entries of a comparison refuse it (`check_read`).
Elsewhere it is checked when it is given, but neither stored in `run.json` nor compared: configs
that differ in nothing else are equal. `from_flat` only remembers it, so that `flat` gives it back
and `changed(method=...)` finds it; where nothing was given, `flat` has the data set's default. A
stored run may hold such options, since earlier versions wrote them: they are dropped.
"""

from bikd_core.config.data import MAX_SEED, DataConfig, Dataset
from bikd_core.config.describe import (
    ConfigError,
    allowed,
    bounds,
    choices,
    explain,
    fields,
    listed,
    part_of,
    signed,
)
from bikd_core.config.method import (
    Estimator,
    MethodConfig,
    TeacherAndWeightNetOptions,
    TeacherOptions,
    WeightNetOptions,
    WeightScale,
    WeightsUsed,
)
from bikd_core.config.method_facts import METHOD_FACTS, MethodFacts
from bikd_core.config.methods import METHOD_CONFIGS, AllOptions
from bikd_core.config.models import MODEL_IMAGES, ModelConfig, ModelName, models_taking
from bikd_core.config.own_data import (
    FOLDER_PREFIX,
    MAX_CLASS_NAME,
    MAX_CLASSES,
    MAX_PICTURES,
    OWN_SIZES,
    OwnData,
    check_own_facts,
    is_own,
    known_facts,
    own_data_of,
    remember_facts,
)
from bikd_core.config.own_networks import (
    LIBRARIES,
    AllowedCode,
    allow_code,
    allowed_code,
    is_code,
    is_own_network,
    network_refusal,
)
from bikd_core.config.part import as_text
from bikd_core.config.parts import PARTS
from bikd_core.config.protocol import ProtocolConfig
from bikd_core.config.reading import facts_of_method, is_read_by
from bikd_core.config.run import FORM, RunConfig, default_controls, with_change
from bikd_core.config.source_facts import SOURCE_FACTS, SourceFacts
from bikd_core.config.titles import title_of
from bikd_core.config.training import MemoryFormat, Precision, TrainingConfig
from bikd_core.config.unread import check_read, why_unread

__all__ = [
    "FOLDER_PREFIX",
    "FORM",
    "LIBRARIES",
    "MAX_CLASSES",
    "MAX_CLASS_NAME",
    "MAX_PICTURES",
    "MAX_SEED",
    "METHOD_CONFIGS",
    "METHOD_FACTS",
    "MODEL_IMAGES",
    "OWN_SIZES",
    "PARTS",
    "SOURCE_FACTS",
    "AllOptions",
    "AllowedCode",
    "ConfigError",
    "DataConfig",
    "Dataset",
    "Estimator",
    "MemoryFormat",
    "MethodConfig",
    "MethodFacts",
    "ModelConfig",
    "ModelName",
    "OwnData",
    "Precision",
    "ProtocolConfig",
    "RunConfig",
    "SourceFacts",
    "TeacherAndWeightNetOptions",
    "TeacherOptions",
    "TrainingConfig",
    "WeightNetOptions",
    "WeightScale",
    "WeightsUsed",
    "allow_code",
    "allowed",
    "allowed_code",
    "as_text",
    "bounds",
    "check_own_facts",
    "check_read",
    "choices",
    "default_controls",
    "explain",
    "facts_of_method",
    "fields",
    "is_code",
    "is_own",
    "is_own_network",
    "is_read_by",
    "known_facts",
    "listed",
    "models_taking",
    "network_refusal",
    "own_data_of",
    "part_of",
    "remember_facts",
    "signed",
    "title_of",
    "why_unread",
    "with_change",
]
