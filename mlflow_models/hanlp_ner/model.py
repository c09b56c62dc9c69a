"""The pyfunc that MLflow serves: DataFrame in, entities out. The work is done in `engine`."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model

from hanlp_ner.engine import Recognizer
from zoo.errors import BadParameter, BadRow
from zoo.model import ZooModel
from zoo.rows import LONE_SURROGATE, read_texts

MAX_CHARACTERS = 1_000_000  # per row; about a novel
MAX_WORD = 64  # characters of a dictionary's word; matching takes as many steps per character


class NerModel(ZooModel):
    """Column `text`; parameters `dictionary` (JSON, entity types by word) and `tasks` (names)."""

    column = "text"
    fields = ("entities", "tasks")

    def load_context(self, context: Any) -> None:
        directory = Path(context.artifacts["ner"])
        self.engine = Recognizer(directory)
        self.dictionary: dict[str, str] = {}
        if (directory / "dictionary.json").is_file():
            packed = (directory / "dictionary.json").read_text(encoding="utf-8")
            self.dictionary = read_dictionary(packed)

    def read_params(self, params: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
        dictionary = {**self.dictionary, **read_dictionary(params.get("dictionary", "{}"))}
        tasks = list(params.get("tasks", []))
        for task in tasks:
            if task not in self.engine.tasks:
                known = ", ".join(self.engine.tasks) or "none besides entities"
                raise BadParameter("tasks", f"names a task that this model lacks; it has {known}")
        return dictionary, tasks

    def read_rows(self, table: pd.DataFrame) -> list[str | BadRow]:
        return read_texts(table, self.column, MAX_CHARACTERS)

    def answer(
        self, rows: list[str], params: tuple[dict[str, str], list[str]]
    ) -> list[dict[str, Any] | Exception]:
        answers: list[dict[str, Any] | Exception] = []
        dictionary, tasks = params
        for text, found in zip(rows, self.engine(rows, dictionary, tasks), strict=True):
            if isinstance(found, Exception):
                answers.append(found)
                continue
            record: dict[str, Any] = {
                "entities": [
                    {"text": text[start:end], "type": type_, "start": start, "end": end}
                    for start, end, type_ in found.entities
                ]
            }
            answers.append({**record, "tasks": found.tasks} if tasks else record)
        return answers


def read_dictionary(text: str) -> dict[str, str]:
    """Reads a dictionary of words, such as `{"米哈游": "ORGANIZATION"}`.

    Raises:
        BadParameter: It is no JSON object of texts by non-empty words.
    """
    try:
        words = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        raise BadParameter("dictionary", "is not valid JSON") from None
    if not isinstance(words, dict):
        raise BadParameter("dictionary", "is not a JSON object of entity types by word")
    if not all(word and isinstance(type_, str) and type_ for word, type_ in words.items()):
        raise BadParameter("dictionary", "has an empty word, or a type that is no text")
    if any(len(word) > MAX_WORD for word in words):
        raise BadParameter("dictionary", f"has a word of more than {MAX_WORD} characters")
    if LONE_SURROGATE.search("".join([*words, *words.values()])):
        raise BadParameter("dictionary", "is not valid Unicode: it has half a surrogate pair")
    return words


set_model(NerModel())
