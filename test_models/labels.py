"""What the pages say, in English, Chinese and Thai; the browser's language chooses."""

import gradio as gr
from gradio.i18n import I18nData

Labels = dict[str, tuple[str, str, str]]
"""English, Chinese and Thai of a key."""

_labels: Labels = {}


def add(labels: Labels) -> None:
    """Makes a page's labels known.

    Raises:
        ValueError: a key means something else already.
    """
    for key, texts in labels.items():
        if _labels.setdefault(key, texts) != texts:
            raise ValueError(f"The label '{key}' has two meanings.")


def label(key: str) -> I18nData:
    """A label for a component's `label`, `placeholder`, `info` or `value`."""
    if key not in _labels:
        raise KeyError(key)
    return I18nData(key)


def of(key: str) -> tuple[str, str, str]:
    """A label in all three, for a component's own script."""
    return _labels[key]


def translations() -> gr.I18n:
    """All labels, as Gradio takes them. Chinese is given for whatever region a browser names."""
    english, chinese, thai = (
        {key: texts[language] for key, texts in _labels.items()} for language in range(3)
    )
    chinas = {f"zh-{region}": chinese for region in ("CN", "TW", "HK", "SG")}
    return gr.I18n(en=english, zh=chinese, th=thai, **chinas)


def script_labels(labels: Labels) -> dict[str, dict[str, str]]:
    """Labels for a component's own script, by language: `T(props.labels)` picks one there."""
    languages = enumerate(("en", "zh", "th"))
    return {name: {key: texts[n] for key, texts in labels.items()} for n, name in languages}
