"""Errors in the form that OpenAI's clients read."""

from typing import Any

from starlette.responses import JSONResponse

from zoo.errors import BadInput, NotFound, ZooError

RETRY_SECONDS = "1"
# Codes of what the client isn't to blame for.
OURS = ("INTERNAL_ERROR", "BUSY", "STOPPING", "NO_ROOM", "OUT_OF_MEMORY", "TIMED_OUT")
# The API's names of the models' parameters.
FIELDS = {
    "initial_prompt": "prompt",
    "hotwords": "keywords",
    "speakers": "response_format",
    "voices": "known_speaker_references",
    "return_voices": "known_speaker_references",
    "vad_threshold": "chunking_strategy",
}


class BadField(BadInput):
    """A field of a form that can't be honoured.

    Attributes:
        field: The field's name.
    """

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field

    @property
    def fields(self) -> dict[str, Any]:
        return {"parameter": self.field}


def error_object(about: dict[str, Any]) -> dict[str, Any]:
    """Give an error's object.

    Args:
        about: The body of the server's own error, as `zoo.serving.edge.error_body` makes it.
    """
    name, code, reason = about.get("parameter"), about["error_code"], about.get("reason")
    if code == NotFound.code:
        name, code = "model", "model_not_found"
    field, message = FIELDS.get(str(name), name), about["message"]
    if name is not None and reason is not None:
        message = f"'{field}': {reason}."
    refused = code not in OURS
    return {
        "message": message,
        "type": "invalid_request_error" if refused else "server_error",
        "param": field,
        "code": code.lower(),
    }


def error_answer(error: ZooError, about: dict[str, Any]) -> JSONResponse:
    """Make an error's answer.

    Args:
        error: The error.
        about: As `error_object` takes it.
    """
    headers = {}
    if error.status == 503:
        headers["Retry-After"] = RETRY_SECONDS
    if error.status == 504:  # the official client would send it again twice
        headers["x-should-retry"] = "false"
    return JSONResponse({"error": error_object(about)}, error.status, headers)
