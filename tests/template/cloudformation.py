"""template.yaml as CloudFormation sees it: its short tags read, SAM's transform applied, its functions resolved."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from local import envs

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"
TRANSLATE = Path(__file__).with_name("translate.py")

Json = dict[str, Any]


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML with `!Ref`, `!Sub` and the like in their long forms."""


def _long_form(loader: Any, suffix: str, node: Any) -> Json:
    value: Any
    if isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_scalar(node)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _long_form)


def load() -> Json:
    """The template as it is written."""
    template: Json = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)
    return template


def translate(template: Json) -> Json:
    """The template as it is deployed: SAM's own transform, run in the environment of SAM's own command."""
    envs.ensure(["sam"])
    for resource in template["Resources"].values():
        for source in {"CodeUri", "ContentUri"} & set(resource["Properties"]):
            resource["Properties"][source] = "s3://bucket/key"  # `sam deploy` uploads before it translates
    ran = subprocess.run(
        [envs.python("sam"), TRANSLATE], input=json.dumps(template), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    translated: Json = json.loads(ran.stdout)
    return translated


def resolve(value: Any, parameters: Mapping[str, str]) -> Any:
    """A value with its functions carried out. What only a deploy knows is written `Name` or `Name.Attribute`."""
    if isinstance(value, list):
        return [resolve(item, parameters) for item in value]
    if not isinstance(value, dict):
        return value
    name = next(iter(value), "")
    if len(value) == 1 and name in _FUNCTIONS:
        return _FUNCTIONS[name](value[name], parameters)
    return {key: resolve(item, parameters) for key, item in value.items()}


def _join(argument: Any, parameters: Mapping[str, str]) -> str:
    separator, items = argument
    return str(separator).join(resolve(items, parameters))


def _split(argument: Any, parameters: Mapping[str, str]) -> list[str]:
    separator, text = argument
    return str(resolve(text, parameters)).split(separator)


def _select(argument: Any, parameters: Mapping[str, str]) -> Any:
    index, items = argument
    return resolve(items, parameters)[int(index)]


def _sub(argument: Any, parameters: Mapping[str, str]) -> str:
    text, own = (argument, {}) if isinstance(argument, str) else argument
    known = dict(parameters) | resolve(own, parameters)
    return re.sub(r"\$\{([^}]+)\}", lambda found: str(known.get(found[1], found[1])), text)


_FUNCTIONS: Mapping[str, Any] = {
    "Ref": lambda name, parameters: parameters.get(name, name),
    "Fn::GetAtt": lambda argument, parameters: ".".join(argument),
    "Fn::Join": _join,
    "Fn::Split": _split,
    "Fn::Select": _select,
    "Fn::Sub": _sub,
}
