"""The five parts of a config, by name, as controls: the method part has every method's options."""

from __future__ import annotations

from bikd_core.config.data import DataConfig
from bikd_core.config.methods import AllOptions
from bikd_core.config.models import ModelConfig
from bikd_core.config.part import Part
from bikd_core.config.protocol import ProtocolConfig
from bikd_core.config.training import TrainingConfig

PARTS: dict[str, type[Part]] = {
    "data": DataConfig,
    "models": ModelConfig,
    "method": AllOptions,
    "training": TrainingConfig,
    "protocol": ProtocolConfig,
}
