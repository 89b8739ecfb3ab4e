"""The call of `load_state_dict` that failed, written anew in the user's names."""

from __future__ import annotations

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.signs._words import operand

_LONGEST = 60


class Loading:
    """What the user calls the model and the dictionary, "net" and "ckpt['state_dict']", or words for them."""

    def __init__(self, failure: Failure) -> None:
        asked = failure.asked
        called = asked is not None and asked.name.rpartition(".")[2] == "load_state_dict"
        held = asked.operand("self") if asked is not None and called else None
        given = asked.operand("state_dict", 0) if asked is not None and called else None
        self.model = _code(held, "model")
        self.state = operand(_code(given, "state"))

    def with_(self, changed: str, *, strict: bool = True) -> str:
        """The call with another dictionary, in backticks."""
        return f"`{self.model}.load_state_dict({changed}{'' if strict else ', strict=False'})`"

    def renamed(self, key: str) -> str:
        """The call with each key ``k`` written as this expression."""
        return self.with_(f"{{{key}: v for k, v in {self.state}.items()}}")


def _code(value: ValueRecord | None, otherwise: str) -> str:
    code = " ".join(value.code.split()) if value is not None else ""
    return code if code and len(code) <= _LONGEST else otherwise
