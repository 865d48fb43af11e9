"""Many calls wait while the gateway is killed and started again. None of them needs code of its own for that.

The gateway's upstream must be the simulated one.
"""

import argparse
import asyncio
import sys

from checks import Checks
from connection import Gateway, add_gateway, crowd_client, gateway_of
from crowd import Question, ask_all, check_answers
from ledger import add_upstream, check_each_once

# The pauses between them grow to eight seconds, so that this is time enough for any start.
MAX_RETRIES = 20


async def run(gateway: Gateway, upstream: str, count: int) -> int:
    checks = Checks()
    questions = [Question("m", f"Will you survive, {number}?") for number in range(count)]
    async with crowd_client(gateway, MAX_RETRIES) as client:
        check_answers(checks, questions, await ask_all(client, questions))
    check_each_once(checks, upstream, count)
    return checks.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_gateway(parser)
    add_upstream(parser)
    parser.add_argument("--count", type=int, default=500, metavar="N", help="default: %(default)s")
    arguments = parser.parse_args()
    return asyncio.run(run(gateway_of(arguments), arguments.upstream, arguments.count))


if __name__ == "__main__":
    sys.exit(main())
