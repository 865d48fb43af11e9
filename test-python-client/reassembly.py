"""A stream that openai-python puts together must equal the plain answer, member for member.

The gateway's upstream must be the simulated one (`batch-gpt serve --simulate`). The stream is asked for as a request
sent again, so that it is made of the same answer.
"""

import argparse
import asyncio
import sys
from typing import Any

from openai import AsyncOpenAI

from checks import Checks
from clients import MODEL, message, tools

AGAIN = {"x-stainless-retry-count": "1"}

CHATS: dict[str, dict[str, Any]] = {
    "a text": {},
    "two calls of tools [[tools]]": {"tools": tools()},
    "a refusal [[refusal]]": {},
    "log probabilities": {"logprobs": True, "top_logprobs": 2},
    "three choices": {"n": 3},
}


def plain(value: Any) -> Any:
    """Without what the client adds of its own: its reading of a text, the place of a call in its list."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    own = {"parsed", "parsed_arguments"} | ({"index"} if "function" in value else set())
    return {name: plain(member) for name, member in value.items() if name not in own}


async def chat(client: AsyncOpenAI, checks: Checks, what: str) -> None:
    body = {"model": MODEL, "messages": message(f"python: {what}")} | CHATS[what]
    whole = await client.chat.completions.create(**body)
    usage = {"include_usage": True}
    async with client.chat.completions.stream(**body, stream_options=usage, extra_headers=AGAIN) as stream:
        joined = await stream.get_final_completion()
    compare(checks, what, joined, whole)


async def response(client: AsyncOpenAI, checks: Checks) -> None:
    body = {"model": MODEL, "input": "python: a response"}
    whole = await client.responses.create(**body)
    async with client.responses.stream(**body, extra_headers=AGAIN) as stream:
        joined = await stream.get_final_response()
    compare(checks, "a response", joined, whole)


def compare(checks: Checks, what: str, joined: Any, whole: Any) -> None:
    got, wanted = plain(joined.model_dump()), plain(whole.model_dump())
    checks.expect(got == wanted, f"{what}: the stream makes {got}, the plain answer is {wanted}")


async def run(base_url: str) -> int:
    checks = Checks()
    async with AsyncOpenAI(base_url=base_url, api_key="any") as client:
        await asyncio.gather(*(chat(client, checks, what) for what in CHATS), response(client, checks))
    return checks.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", required=True, metavar="URL", help="where the gateway is")
    return asyncio.run(run(parser.parse_args().base_url))


if __name__ == "__main__":
    sys.exit(main())
