"""Sends calls for three models in turn, all at once: each model must get one batch of its own.

The gateway's upstream must be the simulated one (`batch-gpt serve --simulate`): its answers repeat their question.
"""

import argparse
import asyncio
import sys

from openai import OpenAIError

from checks import Checks
from connection import Gateway, add_gateway, crowd_client, gateway_of
from crowd import Question, ask_all, check_answers, check_batches, list_batches

MODELS = ("gpt-4o-mini", "gpt-4o", "o3-mini")
CALLS_PER_MODEL = 100


async def run(gateway: Gateway) -> int:
    checks = Checks()
    questions = [
        Question(model, f"Question {number} for {model}") for number in range(CALLS_PER_MODEL) for model in MODELS
    ]
    # No retries: a call that had to be sent twice is a failure here.
    async with crowd_client(gateway, max_retries=0) as client:
        before = await list_batches(client)
        answers = await ask_all(client, questions)
        check_answers(checks, questions, answers)
        after = await list_batches(client)
    batches = [batch for batch_id, batch in after.items() if batch_id not in before]
    check_batches(checks, batches, answers)
    checks.expect(len(batches) == len(MODELS), f"{len(batches)} batches were made of {len(MODELS)} models")
    for batch in batches:
        total = batch.request_counts.total if batch.request_counts else 0
        checks.expect(total == CALLS_PER_MODEL, f"{batch.id} has {total} requests, not {CALLS_PER_MODEL}")
        models = {answer.model for answer in answers if answer.batch_id == batch.id}
        checks.expect(len(models) == 1, f"{batch.id} answered for the models {sorted(models)}")
    print(f"{len(questions)} calls over {len(MODELS)} models, {len(batches)} batches")
    return checks.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_gateway(parser)
    arguments = parser.parse_args()
    try:
        return asyncio.run(run(gateway_of(arguments)))
    except OpenAIError as error:
        parser.exit(3, f"the batches cannot be listed: {error}\n")


if __name__ == "__main__":
    sys.exit(main())
