"""Sends every question of a file at once and checks that each gets its own answer, in few batches.

The gateway's upstream must be the simulated one (`batch-gpt serve --simulate`): its answers repeat their question.
"""

import argparse
import asyncio
import sys
import time

from openai import OpenAIError

from checks import Checks
from connection import Gateway, add_gateway, crowd_client, gateway_of
from crowd import Question, ask_all, check_answers, check_batches, list_batches
from questions import add_questions, questions_of


async def run(gateway: Gateway, model: str, texts: list[str], max_batches: int) -> int:
    checks = Checks()
    # No retries: a call that had to be sent twice is a failure here.
    async with crowd_client(gateway, max_retries=0) as client:
        before = await list_batches(client)
        questions = [Question(model, text) for text in texts]
        began = time.monotonic()
        answers = await ask_all(client, questions)
        took = time.monotonic() - began
        check_answers(checks, questions, answers)
        after = await list_batches(client)
    batches = [batch for batch_id, batch in after.items() if batch_id not in before]
    check_batches(checks, batches, answers)
    checks.expect(1 <= len(batches) <= max_batches, f"{len(batches)} batches were made, not 1 to {max_batches}")
    print(f"{len(questions)} questions, {len(batches)} batches, {took:.1f} seconds")
    return checks.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_gateway(parser)
    add_questions(parser)
    parser.add_argument("--max-batches", type=int, default=2, metavar="N", help="default: %(default)s")
    parser.add_argument("--model", default="gpt-4o-mini", help="default: %(default)s")
    arguments = parser.parse_args()
    texts = questions_of(parser, arguments)
    try:
        return asyncio.run(run(gateway_of(arguments), arguments.model, texts, arguments.max_batches))
    except OpenAIError as error:
        parser.exit(3, f"the batches cannot be listed: {error}\n")


if __name__ == "__main__":
    sys.exit(main())
