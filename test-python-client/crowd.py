"""Sends many questions at once, and tells which batches came of it."""

import asyncio
import collections
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from openai import AsyncOpenAI, OpenAIError
from openai.types import Batch

from checks import Checks


class Question(NamedTuple):
    """A question for one model."""

    model: str
    text: str


class Answer(NamedTuple):
    """What came back: an answer, or why there is none."""

    model: str
    text: str
    batch_id: str
    # What the gateway says of its cache.
    cache: str
    error: OpenAIError | None = None


async def ask(client: AsyncOpenAI, question: Question) -> Answer:
    """Asks one question."""
    try:
        response = await client.chat.completions.with_raw_response.create(
            model=question.model,
            messages=[{"role": "user", "content": question.text}],
        )
        completion = response.parse()
    except OpenAIError as error:
        return Answer("", "", "", "", error)
    text = completion.choices[0].message.content or ""
    batch_id, cache = (response.headers.get(f"x-batch-gpt-{name}", "") for name in ("batch-id", "cache"))
    return Answer(completion.model, text, batch_id, cache)


async def ask_all(client: AsyncOpenAI, questions: Iterable[Question]) -> list[Answer]:
    """Asks all questions at once; the answers come in the order of the questions."""
    return await asyncio.gather(*(ask(client, question) for question in questions))


def check_answers(checks: Checks, questions: Sequence[Question], answers: Sequence[Answer]) -> None:
    """Every question must have its own answer: the simulated upstream repeats the question in it."""
    for question, answer in zip(questions, answers, strict=True):
        wanted = (question.model, f"Answer to: {question.text}")
        got = answer.error or (answer.model, answer.text)
        checks.expect(got == wanted, f"{question} got {got!r}")


async def list_batches(client: AsyncOpenAI) -> dict[str, Batch]:
    """Every batch that the gateway lists, over all pages."""
    return {batch.id: batch async for batch in client.batches.list(limit=100)}


def check_batches(checks: Checks, batches: Sequence[Batch], answers: Sequence[Answer]) -> None:
    """The batches of these answers must be completed, without a failure, and count as many requests as were sent."""
    answered_by = collections.Counter(answer.batch_id for answer in answers)
    for batch in batches:
        counts = batch.request_counts
        checks.expect(batch.status == "completed", f"{batch.id} is {batch.status}")
        lines = answered_by[batch.id]
        checks.expect(
            counts is not None and (counts.total, counts.completed, counts.failed) == (lines, lines, 0),
            f"{batch.id} gave {lines} answers and counts {counts}",
        )
    total = sum(batch.request_counts.total for batch in batches if batch.request_counts)
    checks.expect(total == len(answers), f"{len(answers)} requests were sent, and the batches count {total}")
