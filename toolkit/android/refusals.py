"""What pydantic says of a tokenizer.json in the sentences that a user reads, which name the component."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import ErrorDetails, PydanticCustomError

REFUSED = "refused"


def named(kind: str, among: bool = False) -> WrapValidator:
    """Of all that is wrong with an object, the first in reading order, as one sentence that calls the object `kind`.

    `among` says that the object is one of several components, which its member "type" names.
    """

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as e:
            why = _first(kind, value, e.errors(include_url=False), among)
            raise PydanticCustomError(REFUSED, "{why}", {"why": why}) from None

    return WrapValidator(check)


def why(error: ValidationError) -> str:
    """The sentence about a file all of whose parts are `named`."""
    return str(error.errors(include_url=False)[0]["ctx"]["why"])


def _first(kind: str, value: Any, errors: list[ErrorDetails], among: bool) -> str:
    if not isinstance(value, dict) or errors[0]["type"].startswith("union_tag"):
        name = value.get("type") if isinstance(value, dict) else None
        return f"the {kind} {name} is not one that the app has" if among else f"the {kind} is no object"
    what = f"{kind} {value['type']}" if among else kind
    given = list(value)

    def order(error: ErrorDetails) -> tuple[int, int]:
        """Members as the file has them, then those that it lacks, then what is wrong inside of a member."""
        if error["type"] in (REFUSED, "missing"):
            return 1 + (error["type"] == REFUSED), 0
        return 0, given.index(error["loc"][among])

    return _sentence(what, value, min(errors, key=order), among)


def _sentence(what: str, value: dict[str, Any], error: ErrorDetails, among: bool) -> str:
    if error["type"] == REFUSED:
        return str(error["ctx"]["why"])
    member = str(error["loc"][among])
    if error["type"] == "missing":
        return f'the {what} has no member "{member}"'
    if error["type"] == "extra_forbidden":
        return f'the {what} has the member "{member}", which the app does not know'
    return f'the {what} has "{member}": {json.dumps(value[member])[:100]}, which the app does not reproduce'
