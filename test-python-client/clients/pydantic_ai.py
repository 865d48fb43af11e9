"""pydantic-ai: agents that call their tools themselves."""

import asyncio

from pydantic_ai import Agent, ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from clients import MODEL, Call, Place


class Subject:
    """Agents with nothing set but the address."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def model(self) -> OpenAIChatModel:
        """A client lives in one loop only, and each call here has its own."""
        return OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=self.base_url, api_key="any"))

    def ask_all(self, texts: list[str]) -> list[str]:
        async def ask_all() -> list[str]:
            agent = Agent(self.model())
            answers = await asyncio.gather(*(agent.run(text) for text in texts))
            return [answer.output for answer in answers]

        return asyncio.run(ask_all())

    def stream(self, text: str) -> str:
        async def stream() -> str:
            async with Agent(self.model()).run_stream(text) as answer:
                return "".join([piece async for piece in answer.stream_text(delta=True)])

        return asyncio.run(stream())

    def call_tools(self, text: str) -> list[Call]:
        called: list[Call] = []

        async def forecast(place: str) -> str:
            """The weather to come at a place."""
            called.append(Call("forecast", place))
            return "rain"

        async def history(place: str) -> str:
            """The weather that was at a place."""
            called.append(Call("history", place))
            return "sun"

        asyncio.run(Agent(self.model(), tools=[forecast, history]).run(text))
        return sorted(called)

    def fill_in(self, text: str) -> str:
        return asyncio.run(Agent(self.model(), output_type=Place).run(text)).output.place

    def failure(self, text: str) -> int | None:
        try:
            asyncio.run(Agent(self.model()).run(text))
        except ModelHTTPError as error:
            return error.status_code
        return None
