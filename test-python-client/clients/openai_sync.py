"""openai-python, a call in each thread."""

from concurrent.futures import ThreadPoolExecutor

from openai import APIStatusError, OpenAI

from clients import MODEL, Call, Place, calls, message, tools


class Subject:
    """The stock client with nothing set but the address."""

    def __init__(self, base_url: str) -> None:
        self.completions = OpenAI(base_url=base_url, api_key="any").chat.completions

    def ask(self, text: str) -> str:
        answer = self.completions.create(model=MODEL, messages=message(text))
        return answer.choices[0].message.content or ""

    def ask_all(self, texts: list[str]) -> list[str]:
        with ThreadPoolExecutor(len(texts)) as threads:
            return list(threads.map(self.ask, texts))

    def stream(self, text: str) -> str:
        chunks = self.completions.create(model=MODEL, messages=message(text), stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

    def call_tools(self, text: str) -> list[Call]:
        answer = self.completions.create(model=MODEL, messages=message(text), tools=tools())
        return calls(answer.choices[0].message)

    def fill_in(self, text: str) -> str:
        answer = self.completions.parse(model=MODEL, messages=message(text), response_format=Place)
        return answer.choices[0].message.parsed.place

    def failure(self, text: str) -> int | None:
        try:
            self.ask(text)
        except APIStatusError as error:
            return error.status_code
        return None
