"""The pyfunc that MLflow serves: DataFrame in, entities out. The work is done in `engine`."""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model

from hanlp_ner.dictionary import DictionaryError, read_few_words, read_file
from hanlp_ner.engine import Recognizer
from zoo.errors import BadParameter, BadRow
from zoo.serving.model import ZooModel
from zoo.serving.rows import read_texts

MAX_CHARACTERS = 1_000_000  # per row; about a novel


class NerModel(ZooModel):
    """Column `text`; parameters `dictionary` (JSON, entity types by word) and `tasks` (names)."""

    column = "text"
    fields = ("entities", "tasks")

    def load_context(self, context: Any) -> None:
        directory = Path(context.artifacts["ner"])
        packed = directory / "dictionary.json"
        words = read_file(packed) if packed.is_file() else {}
        self.engine = Recognizer(directory, words=words)

    def read_params(self, params: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
        try:
            dictionary = read_few_words(params.get("dictionary", "{}"))
        except DictionaryError as error:
            raise BadParameter("dictionary", str(error)) from None
        tasks = list(dict.fromkeys(params.get("tasks", [])))  # one asked for twice is done once
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


set_model(NerModel())
