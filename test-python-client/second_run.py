"""Asks every question of a test set twice. The second time all answers come out of the gateway's cache.

The gateway's upstream must be the simulated one: its account must not grow by the second run.
"""

import argparse
import asyncio
import collections
import statistics
import sys
import time

from openai import AsyncOpenAI

from checks import Checks
from connection import Gateway, add_gateway, crowd_client, gateway_of
from crowd import Answer, Question, ask, ask_all, check_answers
from ledger import add_upstream, read_quiet
from questions import add_questions, questions_of


async def run(gateway: Gateway, upstream: str, texts: list[str]) -> int:
    checks = Checks()
    questions = [Question("gpt-4o-mini", text) for text in texts]
    async with crowd_client(gateway, max_retries=0) as client:
        check_answers(checks, questions, await ask_all(client, questions))
        before = read_quiet(upstream)
        answers = await ask_in_turn(client, questions)
        check_answers(checks, questions, answers)
    cache = collections.Counter(answer.cache for answer in answers)
    checks.expect(cache == {"hit": len(questions)}, f"the cache says {dict(cache)}")
    after = read_quiet(upstream)
    checks.expect(after["requests"] == before["requests"], f"calls upstream: {before} became {after}")
    checks.expect(after["executed_lines"] == before["executed_lines"], "lines were executed again")
    return checks.close()


async def ask_in_turn(client: AsyncOpenAI, questions: list[Question]) -> list[Answer]:
    """One by one, so that the time each takes is its own."""
    answers, seconds = [], []
    for question in questions:
        began = time.monotonic()
        answers.append(await ask(client, question))
        seconds.append(time.monotonic() - began)
    print(f"the second time an answer took {statistics.median(seconds) * 1000:.1f} ms, at most {max(seconds):.2f} s")
    return answers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_gateway(parser)
    add_upstream(parser)
    add_questions(parser)
    arguments = parser.parse_args()
    texts = questions_of(parser, arguments)
    return asyncio.run(run(gateway_of(arguments), arguments.upstream, texts))


if __name__ == "__main__":
    sys.exit(main())
