"""langchain-openai."""

from langchain_openai import ChatOpenAI
from openai import APIStatusError

from clients import MODEL, Call, Place, tools


class Subject:
    """A chat model with nothing set but the address."""

    def __init__(self, base_url: str) -> None:
        self.model = ChatOpenAI(model=MODEL, base_url=base_url, api_key="any")

    def ask_all(self, texts: list[str]) -> list[str]:
        return [answer.text for answer in self.model.batch(texts)]

    def stream(self, text: str) -> str:
        return "".join(chunk.text for chunk in self.model.stream(text))

    def call_tools(self, text: str) -> list[Call]:
        answer = self.model.bind_tools(tools()).invoke(text)
        return [Call(call["name"], call["args"]["place"]) for call in answer.tool_calls]

    def fill_in(self, text: str) -> str:
        return self.model.with_structured_output(Place).invoke(text).place

    def failure(self, text: str) -> int | None:
        try:
            self.model.invoke(text)
        except APIStatusError as error:
            return error.status_code
        return None
