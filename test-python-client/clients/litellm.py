"""litellm."""

import os

# Otherwise it fetches a list of prices from the network.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

from clients import Call, Place, calls, message, tools

MODEL = "openai/m"


class Subject:
    """The library with nothing set but the address."""

    def __init__(self, base_url: str) -> None:
        self.gateway = {"model": MODEL, "api_base": base_url, "api_key": "any"}

    def ask_all(self, texts: list[str]) -> list[str]:
        answers = litellm.batch_completion(messages=[message(text) for text in texts], **self.gateway)
        # A call that failed has its error in the place of its answer.
        return [
            str(answer) if isinstance(answer, Exception) else answer.choices[0].message.content for answer in answers
        ]

    def stream(self, text: str) -> str:
        chunks = litellm.completion(messages=message(text), stream=True, **self.gateway)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    def call_tools(self, text: str) -> list[Call]:
        answer = litellm.completion(messages=message(text), tools=tools(), **self.gateway)
        return calls(answer.choices[0].message)

    def fill_in(self, text: str) -> str:
        answer = litellm.completion(messages=message(text), response_format=Place, **self.gateway)
        return Place.model_validate_json(answer.choices[0].message.content).place

    def failure(self, text: str) -> int | None:
        try:
            litellm.completion(messages=message(text), **self.gateway)
        except litellm.BadRequestError as error:
            return error.status_code
        return None
