"""What is written down about the service's own life. Readers' addresses are not part of it."""

import logging
import re

_WORD = r"[^\s<>()\[\]{}\"',;:=/]+"
_ADDRESS = re.compile(rf"{_WORD}(?:'{_WORD})*@{_WORD}")


def without_addresses(text: str) -> str:
    """The text without e-mail addresses, which a relay's answer or an error may quote.

    >>> without_addresses("550 5.1.1 <reader@example.org>: unknown user")
    '550 5.1.1 <(address)>: unknown user'
    """
    return _ADDRESS.sub("(address)", text)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return without_addresses(super().format(record))


def install() -> None:
    """Everything of this process goes to standard error, without addresses."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # aiosmtpd ("mail.log") tells of each connection; httpx of each request, with its address
    for chatty in ("alembic", "mail.log", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
