"""Submits many calls without waiting, or retrieves their answers by id, with the SDK's own calls.

`submit` writes the ids into a file, in the order of the questions, and `retrieve` reads them there. The gateway's
upstream must be the simulated one, and must not be done with any of them while they are submitted.
"""

import argparse
import asyncio
import pathlib
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from openai import AsyncOpenAI

from checks import Checks
from clients import MODEL, message
from connection import Gateway, add_gateway, crowd_client, gateway_of
from ledger import add_upstream, check_each_once

# Calls at a time. They are short, and more would only queue.
ABREAST = 64
LOOK_SECONDS = 0.5

Item = TypeVar("Item")
Result = TypeVar("Result")


def question(number: int) -> str:
    return f"Later, number {number}"


async def abreast(work: Callable[[Item], Awaitable[Result]], items: Iterable[Item]) -> list[Result]:
    """Does the work for all items, a few at a time."""
    room = asyncio.Semaphore(ABREAST)

    async def one(item: Item) -> Result:
        async with room:
            return await work(item)

    return await asyncio.gather(*(one(item) for item in items))


async def submit(client: AsyncOpenAI, checks: Checks, ids: pathlib.Path, count: int) -> None:
    async def one(number: int) -> str:
        receipt = await client.chat.completions.create(
            model=MODEL, messages=message(question(number)), extra_headers={"Prefer": "respond-async"}
        )
        return receipt.id

    receipts = await abreast(one, range(count))
    checks.expect(len(set(receipts)) == count, f"{count} calls got {len(set(receipts))} ids")
    pending = await client.chat.completions.with_raw_response.retrieve(receipts[0])
    got = (pending.status_code, pending.parse().choices)
    checks.expect(got == (202, []), f"a request that is on its way is {got}")
    ids.write_text("\n".join(receipts), encoding="utf-8")


async def retrieve(client: AsyncOpenAI, checks: Checks, ids: pathlib.Path, upstream: str) -> None:
    async def one(receipt: str) -> str | None:
        while not (answer := await client.chat.completions.retrieve(receipt)).choices:
            await asyncio.sleep(LOOK_SECONDS)
        return answer.choices[0].message.content

    receipts = ids.read_text(encoding="utf-8").split()
    for number, text in enumerate(await abreast(one, receipts)):
        checks.expect(text == f"Answer to: {question(number)}", f"{question(number)} got {text!r}")
    check_each_once(checks, upstream, len(receipts))


async def run(gateway: Gateway, arguments: argparse.Namespace) -> int:
    checks = Checks()
    async with crowd_client(gateway, max_retries=2) as client:
        if arguments.what == "submit":
            await submit(client, checks, arguments.ids, arguments.count)
        else:
            await retrieve(client, checks, arguments.ids, arguments.upstream)
    return checks.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_gateway(parser)
    add_upstream(parser)
    parser.add_argument("what", choices=("submit", "retrieve"))
    parser.add_argument("--ids", type=pathlib.Path, required=True, metavar="FILE", help="where the ids are")
    parser.add_argument("--count", type=int, default=5000, metavar="N", help="for submit; default: %(default)s")
    arguments = parser.parse_args()
    return asyncio.run(run(gateway_of(arguments), arguments))


if __name__ == "__main__":
    sys.exit(main())
