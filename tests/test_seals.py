"""The signature on a mail, read by somebody else's verifier."""

import re
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from widgets import seals
from widgets.settings import Settings, UnsafeSettings

MakeSettings = Callable[..., Settings]
KEYS = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def pem(key: object, password: bytes | None = None) -> bytes:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def sealing(make_settings: MakeSettings, tmp_path: Path) -> Callable[..., seals.Seal]:
    """A seal whose key lies in a file."""

    def make(content: bytes, selector: str = "news") -> seals.Seal:
        (tmp_path / "key.pem").write_bytes(content)
        made = seals.load(
            make_settings(
                DKIM_SELECTOR=selector,
                DKIM_KEY=str(tmp_path / "key.pem"),
                MAIL_FROM="News <news@network.example>",
            )
        )
        assert made
        return made

    return make


def letter(body: str = "Dear  reader,\t \n\n.\n\n\n") -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "Réseau <news@network.example>"
    mail["To"], mail["Subject"] = "anna@example.org", "Un sujet très long " * 9
    mail["List-Unsubscribe"] = "<https://network.example/unsubscribe/x>"
    mail.set_content(body)
    return mail.as_bytes()


def holds(seal: seals.Seal, wire: bytes) -> bool:
    def dns(name: bytes, timeout: int = 5) -> bytes:
        assert name.decode() == f"{seal.name}."
        return seal.public().encode()

    return bool(dkim.verify(wire, dnsfunc=dns))


@pytest.mark.parametrize("kind", KEYS)
def test_what_is_sealed_is_found_to_be_so(kind: str, sealing: Callable[..., seals.Seal]) -> None:
    seal = sealing(pem(KEYS[kind]()))
    wire = seal.sealed(letter())
    assert holds(seal, wire)
    assert seal.name == "news._domainkey.network.example"
    assert max(map(len, wire.split(b"\r\n"))) < 100
    assert seal.sealed(letter()) == wire


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"reader", b"friend"),
        (b"anna@", b"eve@"),
        (b"unsubscribe/x", b"unsubscribe/y"),
        (b"\r\nFrom:", b"\r\nFrom: eve@example.org\r\nFrom:"),
        (b"\r\nTo:", b"\r\nFrom: eve@example.org\r\nTo:"),
    ],
)
def test_what_is_changed_on_its_way_is_found_out(
    was: bytes, becomes: bytes, sealing: Callable[..., seals.Seal]
) -> None:
    seal = sealing(pem(KEYS["ed25519"]()))
    wire = seal.sealed(letter())
    assert was in wire
    assert not holds(seal, wire.replace(was, becomes))


def test_spaces_that_a_relay_changes_do_no_harm(sealing: Callable[..., seals.Seal]) -> None:
    seal = sealing(pem(KEYS["ed25519"]()))
    wire = seal.sealed(letter())
    assert holds(seal, wire.replace(b"Dear  reader,\t ", b"Dear reader,").rstrip() + b"\r\n")


@given(body=st.text(alphabet="a \t\n.=é", max_size=60))
def test_bodies_of_all_kinds_are_taken_as_the_verifier_takes_them(body: str) -> None:
    seal = seals.Seal(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)), "s", "a.example")
    assert holds(seal, seal.sealed(letter(body)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no key", "holds no private key"),
        (pem(rsa.generate_private_key(65537, 2048), b"secret"), "without a password"),
        (pem(rsa.generate_private_key(65537, 1024)), "1024 bits; 2048 is the least"),
        (pem(dsa.generate_private_key(2048)), "must be an RSA or an Ed25519 key"),
    ],
)
def test_a_key_that_cannot_sign_is_told_of_by_the_name_of_its_setting(
    content: bytes, said: str, sealing: Callable[..., seals.Seal]
) -> None:
    with pytest.raises(UnsafeSettings, match=f"^UNDERSIGNED_DKIM_KEY: .*{re.escape(said)}"):
        sealing(content)


def test_a_key_that_is_not_there_is_told_of(make_settings: MakeSettings) -> None:
    settings = make_settings(DKIM_SELECTOR="news", DKIM_KEY="/nowhere/key.pem")
    with pytest.raises(UnsafeSettings, match=r"DKIM_KEY: /nowhere/key\.pem can't be"):
        seals.load(settings)


def test_a_selector_that_is_no_name_is_told_of(sealing: Callable[..., seals.Seal]) -> None:
    with pytest.raises(UnsafeSettings, match="DKIM_SELECTOR must be a name"):
        sealing(pem(KEYS["ed25519"]()), selector="a; d=evil.example")
