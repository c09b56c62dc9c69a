"""Controls for a model's parameters, made of what it declares of them.

  options = controls({"beam_size": ("Beam size", "束宽", "ขนาดบีม")}, services)
  ...
  params = given(options_value, service)

The labels of the parameters that a page knows are the page's own, in three languages; another one
has its name and its own description. What a person leaves alone isn't sent: it has the model's
default.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import gradio as gr

from test_models import frame
from test_models.labels import Labels
from test_models.look import STATIC
from test_models.services import Service

Value = dict[str, Any]
"""`parameters`, as the models declare them; `values`, by name, that a person chose."""

HIDDEN = ("on_error",)  # the client's own


def controls(
    known: Labels, services: Sequence[Service], hidden: Sequence[str] = (), **first: Any
) -> gr.HTML:
    """The controls. The component's value is a `Value`; `change` tells that a person changed it.

    Args:
        known: labels by a parameter's name; by `NAME-info`, a hint; by `NAME=CHOICE`, of a choice.
        services: those whose parameters are shown first.
        hidden: parameters that the page has other ways for, or shows nothing of.
        first: values that the page begins with, where they aren't the models' defaults.
    """
    value = adapted({"hidden": [*HIDDEN, *hidden], "known": list(known), "values": first}, services)
    return frame.scripted(STATIC / "controls.js", known, value=value)


def adapted(value: Value, services: Iterable[Service]) -> Value:
    """The value for other models: a parameter of several stands there once, known ones first."""
    found: dict[str, Any] = {}
    for service in services:
        declared = service.described.declared
        for one in declared.parameters:
            if one.name not in value["hidden"]:
                found.setdefault(one.name, {**one.model_dump(), "languages": declared.languages})
    order = [name for name in value["known"] if name in found]
    return {**value, "parameters": [found.pop(name) for name in order] + list(found.values())}


def given(value: Value, service: Service) -> dict[str, Any]:
    """The parameters for a model: those that a person changed, of those that it takes."""
    return service.described.only(value["values"])
