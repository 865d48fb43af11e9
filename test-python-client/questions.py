"""The questions of a whole test set."""

import argparse
import json
import pathlib

GENERATED_QUESTIONS = 1319


def read_questions(path: pathlib.Path) -> list[str]:
    """The questions of a JSONL file with one `{"question": …}` a line."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line)["question"] for line in lines if line.strip()]


def generate_questions() -> list[str]:
    """As many sums, no two of them alike."""
    return [f"What is {number} + {number * 7 + 3}?" for number in range(GENERATED_QUESTIONS)]


def add_questions(parser: argparse.ArgumentParser) -> None:
    """The option that says where they are."""
    parser.add_argument("--questions", type=pathlib.Path, metavar="FILE", help="JSONL; generated sums if absent")


def questions_of(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> list[str]:
    """What that option says; a file that cannot be used ends the program."""
    if not arguments.questions:
        return generate_questions()
    try:
        return read_questions(arguments.questions)
    except (OSError, ValueError, KeyError, TypeError) as error:
        parser.error(f"{arguments.questions} cannot be used: {error!r}")
