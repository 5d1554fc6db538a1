"""What went wrong elsewhere, in one sentence."""

import http.client
import socket
import ssl

from pypi_repo.domain.errors import UpstreamFailed

_LONGEST = 300  # characters


def failure(error: Exception, place: str, called: str) -> UpstreamFailed:
    """Returns the error for an exception of sockets, TLS, HTTP or urllib3.

    place: the URL that was asked for, or the proxy, without secrets.
    called: what the error calls whoever was asked.
    """
    cause = _innermost(error)
    return UpstreamFailed(_sentence(cause, called), detail=f"{place}: {_described(cause)}")


def _sentence(cause: BaseException, called: str) -> str:
    cut = f"The {called} ended the connection before its answer was whole; try again later."
    unreachable = f"The {called} cannot be reached; check its URL, or try again later."
    match cause:
        case socket.gaierror():
            return f"The host of the {called} is not found; check its name, or try again later."
        case ssl.SSLCertVerificationError():
            return (
                f"The {called}'s certificate is not trusted; if it comes from an authority of your "
                f"own, give the {called} a CA file."
            )
        case ssl.SSLEOFError():
            return cut
        case ssl.SSLError():
            return (
                f"The {called} does not speak TLS as it should; check its URL, or try again later."
            )
        case TimeoutError():
            return f"The {called} does not answer in time; try again later."
        case ConnectionRefusedError():
            return unreachable
        case http.client.IncompleteRead() | ConnectionError():
            return cut
        case OSError():
            return unreachable
    return f"The {called}'s answer is not HTTP as it should be; check its URL, or try again later."


def _innermost(error: BaseException) -> BaseException:
    """urllib3 wraps what happened, sometimes twice."""
    causes = (OSError, http.client.HTTPException)
    while not isinstance(error, causes):
        below = error.__cause__ or next(
            (each for each in error.args if isinstance(each, Exception)), None
        )
        if below is None:
            break
        error = below
    return error


def _described(cause: BaseException) -> str:
    text = str(getattr(cause, "verify_message", "") or getattr(cause, "strerror", "") or cause)
    return f"{type(cause).__name__}: {text[:_LONGEST]}" if text else type(cause).__name__
