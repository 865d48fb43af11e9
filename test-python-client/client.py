"""The stock openai client against a running gateway.

Exit codes: 0 done, 1 the gateway or the upstream answered with an error, 2 wrong usage, 3 the gateway did not answer.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable

from openai import APIConnectionError, APIStatusError, OpenAIError

from connection import add_gateway, crowd_client, gateway_of, patient_client
from crowd import Question, ask_all

DONE, REFUSED, UNREACHABLE = 0, 1, 3


def failure(error: OpenAIError) -> int:
    """Says what went wrong; returns the exit code that belongs to it."""
    if isinstance(error, APIConnectionError):
        print(f"the gateway does not answer: {error}", file=sys.stderr)
        return UNREACHABLE
    if isinstance(error, APIStatusError):
        print(f"{error.status_code}: {error.message}", file=sys.stderr)
    else:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    return REFUSED


def chat_completions(arguments: argparse.Namespace) -> int:
    """Sends --content --repeat times at once and prints the answers."""

    async def run() -> int:
        question = Question(arguments.model, arguments.content)
        async with crowd_client(gateway_of(arguments), max_retries=2) as client:
            answers = await ask_all(client, [question] * arguments.repeat)
        for answer in answers:
            if not answer.error:
                print(answer.text)
        return max(failure(answer.error) if answer.error else DONE for answer in answers)

    return asyncio.run(run())


def status_single_batch(arguments: argparse.Namespace) -> int:
    """Prints the batch --batch_id."""
    print(patient_client(gateway_of(arguments)).batches.retrieve(arguments.batch_id).model_dump_json(indent=2))
    return DONE


def status_all_batches(arguments: argparse.Namespace) -> int:
    """Prints every batch, or those with the status --status_filter, one a line."""
    for batch in patient_client(gateway_of(arguments)).batches.list(limit=100):
        if arguments.status_filter in (None, batch.status):
            print(batch.model_dump_json())
    return DONE


def cancel_batch(arguments: argparse.Namespace) -> int:
    """Cancels the batch --batch_id and prints it."""
    print(patient_client(gateway_of(arguments)).batches.cancel(arguments.batch_id).model_dump_json(indent=2))
    return DONE


APIS: dict[str, Callable[[argparse.Namespace], int]] = {
    call.__name__: call for call in (chat_completions, status_single_batch, status_all_batches, cancel_batch)
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_gateway(parser)
    parser.add_argument("--api", choices=APIS, required=True, help="what to do")
    parser.add_argument("--content", help="the question, for chat_completions")
    parser.add_argument("--model", default="gpt-4o-mini", help="default: %(default)s")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="send the question N times at once")
    parser.add_argument("--batch_id", help="for status_single_batch and cancel_batch")
    parser.add_argument("--status_filter", help="only batches with this status, for status_all_batches")
    arguments = parser.parse_args()
    if arguments.api == "chat_completions" and not arguments.content:
        parser.error("chat_completions needs --content")
    if arguments.api in ("status_single_batch", "cancel_batch") and not arguments.batch_id:
        parser.error(f"{arguments.api} needs --batch_id")
    if arguments.repeat < 1:
        parser.error("--repeat must be at least 1")
    return arguments


def main() -> int:
    arguments = parse_arguments()
    try:
        return APIS[arguments.api](arguments)
    except OpenAIError as error:
        return failure(error)


if __name__ == "__main__":
    sys.exit(main())
