"""openai-python, all calls in one loop."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from openai import APIStatusError, AsyncOpenAI
from openai.resources.chat import AsyncCompletions

from clients import MODEL, Call, Place, calls, message, tools

T = TypeVar("T")


class Subject:
    """The stock client with nothing set but the address."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def run(self, work: Callable[[AsyncCompletions], Awaitable[T]]) -> T:
        """Does the work in a loop with a client of its own."""

        async def run() -> T:
            async with AsyncOpenAI(base_url=self.base_url, api_key="any") as client:
                return await work(client.chat.completions)

        return asyncio.run(run())

    def ask_all(self, texts: list[str]) -> list[str]:
        async def ask_all(completions: AsyncCompletions) -> list[str]:
            return await asyncio.gather(*(ask(completions, text) for text in texts))

        return self.run(ask_all)

    def stream(self, text: str) -> str:
        async def stream(completions: AsyncCompletions) -> str:
            chunks = await completions.create(model=MODEL, messages=message(text), stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])

        return self.run(stream)

    def call_tools(self, text: str) -> list[Call]:
        answer = self.run(lambda completions: completions.create(model=MODEL, messages=message(text), tools=tools()))
        return calls(answer.choices[0].message)

    def fill_in(self, text: str) -> str:
        answer = self.run(
            lambda completions: completions.parse(model=MODEL, messages=message(text), response_format=Place)
        )
        return answer.choices[0].message.parsed.place

    def failure(self, text: str) -> int | None:
        try:
            self.run(lambda completions: ask(completions, text))
        except APIStatusError as error:
            return error.status_code
        return None


async def ask(completions: AsyncCompletions, text: str) -> str:
    answer = await completions.create(model=MODEL, messages=message(text))
    return answer.choices[0].message.content or ""
