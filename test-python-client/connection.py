"""Clients that suit a gateway: patient, and with room for every call at once."""

import argparse
import resource
from typing import NamedTuple

import httpx2
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, OpenAI

DEFAULT_BASE_URL = "http://127.0.0.1:8080/v1"

# A batch may take a day, and its clients wait for it.
PATIENCE_SECONDS = 24 * 3600.0


class Gateway(NamedTuple):
    """Where the gateway is, and the key to present to it."""

    base_url: str
    api_key: str


def add_gateway(parser: argparse.ArgumentParser) -> None:
    """The options that every script here has."""
    parser.add_argument(
        "--base-url", default=DEFAULT_BASE_URL, metavar="URL", help="where the gateway is (default: %(default)s)"
    )
    # OPENAI_API_KEY is left alone on purpose: that is the upstream's key, and nobody else's business.
    parser.add_argument(
        "--api-key", default="any", metavar="KEY", help="a key of BATCH_GPT_API_KEYS, if the gateway has that set"
    )


def gateway_of(arguments: argparse.Namespace) -> Gateway:
    """What those options say."""
    return Gateway(arguments.base_url, arguments.api_key)


def patient_client(gateway: Gateway) -> OpenAI:
    """A client for one call at a time."""
    return OpenAI(base_url=gateway.base_url, api_key=gateway.api_key, timeout=PATIENCE_SECONDS)


def crowd_client(gateway: Gateway, max_retries: int) -> AsyncOpenAI:
    """A client for any number of calls at once.

    The stock pool holds a thousand connections. The calls beyond them would wait for the answers of the first
    thousand, and so miss their batch.
    """
    raise_open_file_limit()
    timeout = httpx2.Timeout(PATIENCE_SECONDS, connect=60.0)
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    return AsyncOpenAI(
        base_url=gateway.base_url,
        api_key=gateway.api_key,
        max_retries=max_retries,
        timeout=timeout,
        http_client=DefaultAsyncHttpxClient(limits=limits, timeout=timeout),
    )


def raise_open_file_limit() -> None:
    """Every waiting call is an open file, and the usual soft limit is 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
