"""What an entity means, in a form that a program can use."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal[
    "date",
    "month",
    "year",
    "decade",
    "century",
    "time",
    "datetime",
    "interval",
    "duration",
    "money",
    "number",
    "percent",
    "fraction",
    "ordinal",
    "quantity",
    "place",
]


class Normalized(BaseModel):
    """What an entity means. A place has a `path`, each other kind a `value`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Kind
    value: str | None = Field(None, description="By ISO 8601, or a decimal number.")
    currency: str | None = Field(None, description="ISO 4217's code.")
    unit: str | None = Field(None, description="UCUM's code.")
    path: list[str] | None = Field(None, description="The official names, the largest first.")
    detail: str | None = Field(None, description="What follows the last name, such as a street.")
    code: str | None = Field(None, description="GB/T 2260's code, of six digits.")
    country: str | None = Field(None, description="ISO 3166-1's code, of two letters.")

    def record(self) -> dict[str, Any]:
        """Give the fields that have a value, in JSON's types."""
        return self.model_dump(exclude_none=True)
