"""instructor around openai-python."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import instructor
from instructor.core import InstructorRetryException
from openai import APIStatusError, OpenAI

from clients import FUNCTIONS, MODEL, Call, Place, message


class Forecast(Place):
    """The weather to come at a place."""


class History(Place):
    """The weather that was at a place."""


class Subject:
    """A wrapped client with nothing set but the address."""

    def __init__(self, base_url: str) -> None:
        openai = OpenAI(base_url=base_url, api_key="any")
        self.client = instructor.from_openai(openai)
        self.parallel = instructor.from_openai(openai, mode=instructor.Mode.PARALLEL_TOOLS)

    def fill_in(self, text: str) -> str:
        return self.client.create(model=MODEL, messages=message(text), response_model=Place).place

    def ask_all(self, texts: list[str]) -> list[str]:
        with ThreadPoolExecutor(len(texts)) as threads:
            return list(threads.map(self.fill_in, texts))

    def stream(self, text: str) -> str:
        pieces = list(self.client.create_partial(model=MODEL, messages=message(text), response_model=Place))
        return pieces[-1].place

    def call_tools(self, text: str) -> list[Call]:
        called = self.parallel.create(
            model=MODEL, messages=message(text), response_model=Iterable[Forecast | History]
        )
        names = dict(zip((Forecast, History), FUNCTIONS))
        return [Call(names[type(call)], call.place) for call in called]

    def failure(self, text: str) -> int | None:
        try:
            self.fill_in(text)
        except InstructorRetryException as error:
            return error.__cause__.status_code if isinstance(error.__cause__, APIStatusError) else None
        return None
