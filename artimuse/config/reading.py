"""YAML as recipes are written in it, and the error of everything that is wrong with one."""

from __future__ import annotations

import re
from typing import Any

import yaml


class ConfigError(ValueError):
    """A configuration that cannot be run; the message says what to change."""


class RecipeLoader(yaml.SafeLoader):
    """YAML 1.1 reads `1e-4` as a string and keeps the last of two equal keys; neither helps a recipe."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                start = node.start_mark.line + 1
                raise yaml.YAMLError(f"{key}: given twice in the block that starts at line {start}")
        return super().construct_mapping(node, deep=deep)


RecipeLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)
