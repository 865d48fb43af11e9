"""Clients and frameworks, each behind the same few calls, and each as its own documentation sets it up."""

import importlib
from typing import Any, NamedTuple, Protocol

from pydantic import BaseModel

MODEL = "m"
# Two functions that do not need anything but their names.
FUNCTIONS = {"forecast": "The weather to come at a place.", "history": "The weather that was at a place."}


class Place(BaseModel):
    """A form of answer, and what the functions want to be told."""

    place: str


class Call(NamedTuple):
    """A function that the model wants to be called."""

    name: str
    place: str


class Client(Protocol):
    """What programs do with a client."""

    def __init__(self, base_url: str) -> None: ...

    def ask_all(self, texts: list[str]) -> list[str]:
        """Asks many questions in the client's own way, at the concurrency that it has by default."""

    def stream(self, text: str) -> str:
        """Asks for a stream, and puts it together."""

    def call_tools(self, text: str) -> list[Call]:
        """Offers the functions, and tells which are called."""

    def fill_in(self, text: str) -> str:
        """Asks for a structured answer, and tells the place in it."""

    def failure(self, text: str) -> int | None:
        """The status that comes as an error; None if there is no error."""


def client(name: str, base_url: str) -> Client:
    """The client in the module of that name."""
    return importlib.import_module(f"clients.{name}").Subject(base_url)


def message(text: str) -> list[dict[str, str]]:
    """The question as messages."""
    return [{"role": "user", "content": text}]


def tools() -> list[dict[str, Any]]:
    """The functions as a request offers them."""
    parameters = Place.model_json_schema() | {"additionalProperties": False}
    return [
        {
            "type": "function",
            # openai-python 2 puts streams together only for strict functions.
            "function": {"name": name, "description": what, "parameters": parameters, "strict": True},
        }
        for name, what in FUNCTIONS.items()
    ]


def calls(message: Any) -> list[Call]:
    """The functions that a message of the SDK calls."""
    return [
        Call(call.function.name, Place.model_validate_json(call.function.arguments).place)
        for call in message.tool_calls or []
    ]
