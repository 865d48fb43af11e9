"""What the simulated upstream did, by its own account."""

import argparse
import json
import time
import urllib.request
from typing import Any

from checks import Checks

QUIET_SECONDS = 1.0
LIMIT_SECONDS = 60.0


def add_upstream(parser: argparse.ArgumentParser) -> None:
    """The option that scripts have which ask for the account."""
    parser.add_argument("--upstream", required=True, metavar="URL", help="base URL of the simulated upstream")


def read(upstream: str) -> dict[str, Any]:
    """The account so far."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(upstream.replace("/v1", "/simulator/ledger")) as answer:
        return json.load(answer)


def read_quiet(upstream: str) -> dict[str, Any]:
    """The account once nobody calls any more: an answer may be delivered before the gateway's last call for it."""
    began, before = time.monotonic(), read(upstream)
    while time.monotonic() - began < LIMIT_SECONDS:
        time.sleep(QUIET_SECONDS)
        after = read(upstream)
        if after["requests"] == before["requests"]:
            return after
        before = after
    raise TimeoutError("the upstream is called again and again")


def check_each_once(checks: Checks, upstream: str, lines: int) -> None:
    """So many lines must have been executed, no two of them for the same request."""
    account = read(upstream)
    executed = account["executed_lines"]
    checks.expect(executed == lines, f"{executed} lines were executed, not {lines}")
    counts = [count["executed"] for count in account["bodies"].values()]
    checks.expect(counts == [1] * lines, f"{len(counts)} requests were executed up to {max(counts, default=0)} times")
