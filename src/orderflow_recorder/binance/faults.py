"""Why the venue could not be reached, in words that say what to do."""

import socket
import ssl
from typing import Final

from orderflow_recorder.binance.text import printable

STATUS_HINTS: Final = {
    403: "the venue's firewall refused this address, often for too many requests: wait some minutes",
    404: "nothing is served at this path: check the base URL",
    418: "this address is banned for going on after 429: stay away for at least 2 minutes",
    429: "too many requests from this address: wait a minute",
    451: "the venue does not serve this location: record from another one, or set the base URL of a host that does",
}


def describe_status(status: int) -> str:
    """Return an HTTP status with what it means at this venue."""
    hint = STATUS_HINTS.get(status)
    return f"HTTP {status}" + (f" ({hint})" if hint else "")


def describe_error(error: BaseException) -> str:
    """Return a network, TLS or timeout error in words, with a hint where one is known.

    Args:
        error: As caught; wrapped causes are looked at, because HTTP clients hide the TLS error.
    """
    seen, words = error, []
    while not isinstance(seen, ssl.SSLError | socket.gaierror | ConnectionRefusedError | ConnectionResetError):
        words.append(f"{type(seen).__name__}: {seen}" if str(seen) else type(seen).__name__)
        inner = seen.__cause__ or seen.__context__
        if inner is None:
            return printable("; ".join(dict.fromkeys(words)))
        seen = inner
    if isinstance(seen, ssl.SSLCertVerificationError):
        return (
            f"the TLS certificate is not trusted ({printable(seen.verify_message)}): if a proxy of yours opens TLS, "
            "add its certificate with SSL_CERT_FILE; INSECURE_TLS=true turns the check off"
        )
    if isinstance(seen, ssl.SSLError):
        return f"TLS failed ({printable(str(seen))}): does the server speak TLS on this port?"
    if isinstance(seen, socket.gaierror):
        return f"the host name cannot be resolved ({printable(str(seen))}): check the base URL and the network"
    if isinstance(seen, ConnectionResetError):
        return "the server reset the connection: does it speak this protocol, with or without TLS, on this port?"
    return "connection refused: nothing listens there, or a firewall is in the way"
