"""Clients that give up after two seconds get the answer of a batch that takes many times as long.

Three gateways in front of one simulated upstream hold them in three ways. Each call must be one line upstream.
"""

import argparse
import asyncio
import sys

from openai import AsyncOpenAI

from checks import Checks
from crowd import Question, ask, check_answers
from ledger import add_upstream, check_each_once

TIMEOUT_SECONDS = 2.0
# How often a client may send again. One that is held by a heartbeat does not have to.
MAX_RETRIES = {"auto": 0, "retry": 100, "silent": 100}


async def run(base_urls: dict[str, str], upstream: str) -> int:
    checks = Checks()
    questions = [Question("m", f"Are you patient in {hold}?") for hold in base_urls]
    clients = [
        AsyncOpenAI(base_url=url, api_key="any", timeout=TIMEOUT_SECONDS, max_retries=MAX_RETRIES[hold])
        for hold, url in base_urls.items()
    ]
    answers = await asyncio.gather(*(ask(client, question) for client, question in zip(clients, questions)))
    check_answers(checks, questions, answers)
    check_each_once(checks, upstream, len(questions))
    return checks.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for hold in MAX_RETRIES:
        parser.add_argument(f"--{hold}", required=True, metavar="URL", help=f"a gateway with BATCH_GPT_HOLD={hold}")
    add_upstream(parser)
    arguments = parser.parse_args()
    return asyncio.run(run({hold: getattr(arguments, hold) for hold in MAX_RETRIES}, arguments.upstream))


if __name__ == "__main__":
    sys.exit(main())
