"""Puts one client through what programs do with it: crowds, streams, tools, structured answers, errors, limits.

The gateway's upstream must be the simulated one (`batch-gpt serve --simulate`). The second gateway must hold clients
with a heartbeat and take two requests at a time, so that the client meets white space and 429.
"""

import argparse
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

import openai

from checks import Checks
from clients import FUNCTIONS, Call, client

CROWD = 24
# Twice what the second gateway takes at a time.
TOO_MANY = 4


class Retries(logging.Handler):
    """Counts how often openai-python, which all of these are built upon, says that it sends again."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += record.msg.startswith("Retrying request")


def count_retries() -> Retries:
    retries = Retries()
    logger = logging.getLogger("openai._base_client")
    logger.setLevel(logging.INFO)
    logger.addHandler(retries)
    return retries


def answers(texts: list[str]) -> list[str]:
    return [f"Answer to: {text}" for text in texts]


def examine(name: str, base_url: str) -> Checks:
    """What an ordinary gateway has for the client. The parts go on at once, as they do in programs."""
    checks, subject = Checks(), client(name, base_url)
    # Nobody else may have asked the same: the gateway would answer out of its cache.
    who = f"{name} upon openai {openai.__version__}"
    texts = [f"{who} asks {number}" for number in range(CROWD)] + [f"{who} limited once [[status:429:1]]"]
    streamed, called, formed, refused = (
        f"{who} {part}" for part in ("streams", "calls [[tools]]", "wants a form", "is refused [[status:400]]")
    )
    with ThreadPoolExecutor() as threads:
        crowd = threads.submit(subject.ask_all, texts)
        stream = threads.submit(subject.stream, streamed)
        tools = threads.submit(subject.call_tools, called)
        form = threads.submit(subject.fill_in, formed)
        failure = threads.submit(subject.failure, refused)
    for text, wanted, got in zip(texts, answers(texts), crowd.result(), strict=True):
        checks.expect(got == wanted, f"{text!r} got {got!r}")
    checks.expect(stream.result() == answers([streamed])[0], f"the stream is {stream.result()!r}")
    wanted_calls = [Call(function, answers([called])[0]) for function in FUNCTIONS]
    checks.expect(tools.result() == wanted_calls, f"the calls are {tools.result()!r}")
    checks.expect(form.result() == answers([formed])[0], f"the form is {form.result()!r}")
    checks.expect(failure.result() == 400, f"the failure is {failure.result()!r}")
    return checks


def examine_narrow(checks: Checks, name: str, base_url: str) -> None:
    """What a gateway that takes few requests, and writes white space before its answers, has for the client."""
    retries, texts = count_retries(), [f"{name} throngs {number}" for number in range(TOO_MANY)]
    got = client(name, base_url).ask_all(texts)
    checks.expect(got == answers(texts), f"the throng got {got!r}")
    checks.expect(retries.count > 0, "nobody was turned away")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", required=True, metavar="URL", help="a gateway as it is by default")
    parser.add_argument("--narrow-base-url", required=True, metavar="URL", help="the second gateway")
    parser.add_argument("--client", required=True, metavar="NAME", help="a module of the folder clients")
    arguments = parser.parse_args()
    checks = examine(arguments.client, arguments.base_url)
    examine_narrow(checks, arguments.client, arguments.narrow_base_url)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
