"""Secrets of other people's tools, sealed before they lie in the database: whoever reads a copy of
it without our key has nothing."""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from widgets.links import Links


class CantOpen(Exception):
    """It was sealed with a key that we don't have any more."""


def seal(links: Links, secret: str) -> str:
    """With the newest key (Fernet: AES-128-CBC and HMAC-SHA256)."""
    return _boxes(links).encrypt(secret.encode()).decode()


def opened(links: Links, sealed: str) -> str:
    """What `seal` sealed, with any of our keys. Raises CantOpen."""
    try:
        return _boxes(links).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise CantOpen from None


def _boxes(links: Links) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in links.sealing_keys()])
