"""Fetching from strangers: bounded in time and size, and from the public internet only."""

import gzip
import ipaddress
import resource
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from tests.actors import quiet_port
from tests.strangers import Elsewhere, Says, Stranger, endless, packed_zeros
from widgets import fetching
from widgets.fetching import Answer, CantFetch, Policy, fetch, is_public

PUBLIC = "93.184.215.14"
HERE = Policy(private=True, seconds=2, largest=100_000)


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with Stranger() as server:
        yield server


def ask(url: str, policy: Policy = HERE, **more: Any) -> Answer:
    return fetch(url, policy, agent="Undersigned tests", **more)


def refused(url: str, policy: Policy = HERE, **more: Any) -> str:
    """Why it could not be fetched."""
    with pytest.raises(CantFetch) as error:
        ask(url, policy, **more)
    return str(error.value)


def outside(stranger: Stranger, *addresses: str, **more: Any) -> tuple[Policy, Elsewhere]:
    """The usual policy, in a world where every name has these addresses, all the stranger's."""
    network = Elsewhere(stranger)
    found = list(addresses or [PUBLIC])
    return Policy(resolve=lambda *_: found, network=network, seconds=2, **more), network


# What is fetched


def test_it_brings_what_the_server_says(stranger: Stranger) -> None:
    headers = {
        "Content-Type": "application/atom+xml",
        "ETag": '"one"',
        "Last-Modified": "Mon, 02 Mar 2026 10:00:00 GMT",
        "Cache-Control": "public, max-age=1800",
    }
    stranger.answers["/feed?a=b"] = Says(b"<feed/>", headers=headers)

    assert ask(stranger.url("/feed?a=b"), accept="application/atom+xml") == Answer(
        url=stranger.url("/feed?a=b"),
        body=b"<feed/>",
        content_type="application/atom+xml",
        etag='"one"',
        last_modified="Mon, 02 Mar 2026 10:00:00 GMT",
        fresh_for=1800,
    )
    ((_, asked),) = stranger.asked
    assert asked["User-Agent"] == "Undersigned tests"
    assert asked["Accept"] == "application/atom+xml"
    assert asked["Accept-Encoding"] == "gzip"
    assert not {"Cookie", "Authorization", "Referer", "If-None-Match"} & set(asked)


def test_what_is_known_is_not_sent_again(stranger: Stranger) -> None:
    stranger.answers["/feed"] = lambda asked: (
        Says(status=304) if asked["If-None-Match"] == '"one"' else Says(b"whole")
    )

    assert ask(stranger.url(), etag='"one"').unchanged
    assert ask(stranger.url(), etag='"two"').body == b"whole"


def test_an_answer_of_unchanged_that_nobody_asked_for_is_a_failure(stranger: Stranger) -> None:
    stranger.answers["/feed"] = Says(status=304)

    assert refused(stranger.url()) == "the server answered 304"


def test_a_packed_answer_is_unpacked(stranger: Stranger) -> None:
    stranger.answers["/feed"] = Says(
        gzip.compress(b"words " * 1000), headers={"Content-Encoding": "gzip"}
    )

    assert ask(stranger.url()).body == b"words " * 1000


def test_redirects_are_followed_to_where_they_lead(stranger: Stranger) -> None:
    stranger.answers["/feed"] = Says(status=301, headers={"Location": "next?a=b"})
    stranger.answers["/next?a=b"] = Says(status=307, headers={"Location": stranger.url("/end")})
    stranger.answers["/end"] = Says(b"found")

    answer = ask(stranger.url())
    assert (answer.url, answer.body) == (stranger.url("/end"), b"found")


@pytest.mark.parametrize("validator", ["x" * 501, "\x80\xff", ""])
def test_a_validator_that_cannot_be_sent_back_is_not_kept(
    stranger: Stranger, validator: str
) -> None:
    stranger.answers["/feed"] = Says(b"x", headers={"ETag": validator})

    assert ask(stranger.url()).etag is None


# What servers do


@pytest.mark.parametrize("status", [204, 206, 400, 401, 403, 404, 410, 429, 500, 503])
def test_another_status_is_a_failure(stranger: Stranger, status: int) -> None:
    stranger.answers["/feed"] = Says(status=status)

    with pytest.raises(CantFetch, match=f"the server answered {status}") as error:
        ask(stranger.url())
    assert error.value.gone == (status == 410)


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("120", 120, 120),
        (timedelta(hours=2), 7000, 7200),
        ("Mon, 02 Mar 2020 10:00:00 GMT", 0, 0),
        ("soon", 0, 0),
        ("-5", 0, 0),
        ("9" * 400, 1e9, 1e10),
    ],
)
def test_a_server_can_ask_for_patience(
    stranger: Stranger, value: str | timedelta, least: float, most: float
) -> None:
    if isinstance(value, timedelta):
        value = format_datetime(datetime.now(UTC) + value, usegmt=True)
    stranger.answers["/feed"] = Says(status=503, headers={"Retry-After": value})

    with pytest.raises(CantFetch) as error:
        ask(stranger.url())
    assert least <= error.value.retry_after <= most


def test_endless_redirects_end(stranger: Stranger) -> None:
    stranger.answers["/feed"] = Says(status=302, headers={"Location": "/feed"})

    assert refused(stranger.url()) == "more than 5 redirects"
    assert len(stranger.asked) == 6


@pytest.mark.parametrize("target", [None, "", "http://\x01/"])
def test_a_redirect_to_nowhere_is_a_failure(stranger: Stranger, target: str | None) -> None:
    headers = {} if target is None else {"Location": target}
    stranger.answers["/feed"] = Says(status=302, headers=headers)

    assert refused(stranger.url()) in (
        "a redirect (302) to no address",
        "more than 5 redirects",
    )


@pytest.mark.parametrize("length", [None, 10**12])
def test_a_gigabyte_is_not_taken(stranger: Stranger, length: int | None) -> None:
    stranger.answers["/feed"] = Says(endless(b"x" * 10_000), length=length)

    assert refused(stranger.url()) == "larger than 100,000 bytes"


def test_a_bomb_of_zeros_is_not_unpacked(stranger: Stranger) -> None:
    bomb = packed_zeros(200)
    assert len(bomb) < 250_000
    stranger.answers["/feed"] = Says(bomb, headers={"Content-Encoding": "gzip"})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert refused(stranger.url(), replace(HERE, largest=300_000)) == "larger than 300,000 bytes"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kilobytes


def test_what_packs_nothing_at_length_is_not_taken(stranger: Stranger) -> None:
    empty_blocks = gzip.compress(b"")[:10] + b"\x00\x00\x00\xff\xff" * 50_000
    stranger.answers["/feed"] = Says(empty_blocks, headers={"Content-Encoding": "gzip"})

    assert refused(stranger.url()) == "larger than 100,000 bytes"


@pytest.mark.parametrize(
    ("body", "encoding", "why"),
    [
        (b"no gzip at all", "gzip", "the answer is packed, and damaged"),
        # no time in it: the name of a test is the same in every process that collects it
        (gzip.compress(b"words" * 100, mtime=0)[:-9], "gzip", "the answer is cut off"),
        (b"x", "br", "the answer is packed in a way that was not asked for"),
        (b"x", "gzip, gzip", "the answer is packed in a way that was not asked for"),
    ],
)
def test_what_cannot_be_unpacked_is_a_failure(
    stranger: Stranger, body: bytes, encoding: str, why: str
) -> None:
    stranger.answers["/feed"] = Says(body, headers={"Content-Encoding": encoding})

    assert refused(stranger.url()) == why


def test_an_answer_that_is_cut_off_is_a_failure(stranger: Stranger) -> None:
    stranger.answers["/feed"] = Says(b"half", length=8)

    assert refused(stranger.url()).startswith("the answer is cut off")


def dripping() -> Iterable[bytes]:
    while True:
        time.sleep(0.05)
        yield b"x"


def slow_redirects() -> Callable[[Any], Says]:
    def answer(_: Any) -> Says:
        time.sleep(0.15)
        return Says(status=302, headers={"Location": "/feed"})

    return answer


@pytest.mark.parametrize(
    "answer",
    [Says(None), Says(dripping()), slow_redirects()],
    ids=["never a word", "a slow drip", "slow redirects"],
)
def test_one_deadline_holds_for_everything(stranger: Stranger, answer: Any) -> None:
    stranger.answers["/feed"] = answer
    began = time.monotonic()

    assert refused(stranger.url(), replace(HERE, seconds=0.4)) == (
        "no whole answer within 0.4 seconds"
    )
    assert time.monotonic() - began < 1.5


def test_the_deadline_holds_for_slow_headers_and_handshakes() -> None:
    with quiet_port() as port:
        for scheme in ("http", "https"):
            began = time.monotonic()
            why = refused(f"{scheme}://127.0.0.1:{port}/", replace(HERE, seconds=0.3))
            assert why == "no whole answer within 0.3 seconds"
            assert time.monotonic() - began < 1.5


def test_the_deadline_holds_for_the_look_up_of_names() -> None:
    def slow(*_: Any) -> Sequence[str]:
        time.sleep(3)
        return [PUBLIC]

    began = time.monotonic()
    why = refused("http://slow.example/", Policy(seconds=0.2, resolve=slow))
    assert why == "no whole answer within 0.2 seconds"
    assert time.monotonic() - began < 1.5


def test_what_is_no_http_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert refused(f"http://127.0.0.1:{port}/").startswith("no connection")


def test_a_name_that_does_not_exist_is_a_failure() -> None:
    def unknown(*_: Any) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    assert "is not found" in refused("http://nobody.example/", Policy(resolve=unknown))
    assert "has no address" in refused("http://nobody.example/", Policy(resolve=lambda *_: []))


# Where it may go


@pytest.mark.parametrize(
    "url",
    [
        "ftp://news.example/feed",
        "file:///etc/passwd",
        "gopher://news.example/",
        "javascript:alert(1)",
        "//news.example/feed",
        "news.example/feed",
        "http://",
        "http:///feed",
        "http://[::1",
        "http://user@news.example/",
        "http://user:password@news.example/",
        "http://news.example:8080/",
        "http://news.example:22/",
        "https://news.example:99999/",
        "http://news.example/\n",
        "",
    ],
)
def test_only_the_web_is_asked(stranger: Stranger, url: str) -> None:
    policy, network = outside(stranger)

    assert refused(url, policy)
    assert not network.called


def test_it_connects_to_the_address_that_was_looked_at(stranger: Stranger) -> None:
    """DNS rebinding: a name that turns private after it was looked at."""
    looked_up: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return [PUBLIC] if len(looked_up) == 1 else ["127.0.0.1"]

    network = Elsewhere(stranger)
    policy = Policy(resolve=rebinding, network=network, seconds=2)
    stranger.answers["/feed"] = Says(b"found")

    assert ask("http://news.example/feed", policy).body == b"found"
    assert network.called == [(PUBLIC, 80)]
    assert looked_up == ["news.example"]
    assert stranger.asked[0][1]["Host"] == "news.example"
    assert refused("http://news.example/feed", policy) == (
        "news.example is not on the public internet"
    )
    assert len(network.called) == 1


def test_one_private_address_among_others_is_enough_to_refuse(stranger: Stranger) -> None:
    policy, network = outside(stranger, PUBLIC, "10.0.0.1")

    assert "not on the public internet" in refused("http://news.example/", policy)
    assert not network.called


def test_a_redirect_is_looked_at_like_the_first_address(stranger: Stranger) -> None:
    def resolve(host: str, port: int) -> list[str]:
        return [PUBLIC] if host == "news.example" else [host]

    network = Elsewhere(stranger)
    policy = Policy(resolve=resolve, network=network, seconds=2)
    for target, why in {
        "http://127.0.0.1/": "127.0.0.1 is not on the public internet",
        "http://169.254.169.254/latest/meta-data": "not on the public internet",
        "http://[::1]/": "not on the public internet",
        "http://news.example:6379/": "port 6379 is not asked",
        "file:///etc/passwd": "not an address that begins with",
        "https://user:word@news.example/": "user or a password",
    }.items():
        stranger.answers["/feed"] = Says(status=302, headers={"Location": target})
        assert why in refused("http://news.example/feed", policy)
    assert {address for address, _ in network.called} == {PUBLIC}


@pytest.mark.parametrize(
    "host", ["127.1", "0x7f.0.0.1", "2130706433", "0177.0.0.1", "localhost", "[::1]", "0.0.0.0"]
)
def test_other_spellings_of_this_machine_are_known(host: str) -> None:
    assert refused(f"http://{host}/", Policy(seconds=2))


def test_an_address_that_takes_no_call_leaves_time_for_the_next(stranger: Stranger) -> None:
    class Partly(Elsewhere):
        def connect_tcp(self, host: str, port: int, timeout: Any = None, *_: Any, **__: Any) -> Any:
            if host == PUBLIC:
                self.called.append((host, port))
                time.sleep(timeout)
                raise fetching.httpcore.ConnectTimeout
            return super().connect_tcp(host, port, timeout)

    network = Partly(stranger)
    stranger.answers["/"] = Says(b"found")
    policy = Policy(resolve=lambda *_: [PUBLIC, "93.184.215.15"], network=network, seconds=0.6)

    assert ask("http://news.example/", policy).body == b"found"
    assert [address for address, _ in network.called] == [PUBLIC, "93.184.215.15"]


def test_certificates_are_checked_against_the_name() -> None:
    authority = trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("news.example").configure_cert(served)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with Stranger({"/": Says(b"found")}, certificate=served) as stranger:
        policy, network = outside(stranger, tls=trusting)
        assert ask("https://news.example/", policy).body == b"found"
        assert network.called == [(PUBLIC, 443)]
        assert "certificate" in refused("https://other.example/", policy)
        assert "certificate" in refused("https://news.example/", outside(stranger)[0])


def test_proxies_of_the_environment_play_no_part(
    stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    stranger.answers["/feed"] = Says(b"found")

    assert ask(stranger.url()).body == b"found"


# Which addresses are public


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "1.1.1.1", "9.9.9.9", "2a00:1450:4001:80b::200e", "2606:4700::1111"],
)
def test_public_addresses_are_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.168.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1",
        "ff02::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001::1", "2001:db8::1",
        "3fff::1", "100::1", "5f00::1", "", "nothing", "127.1",
    ],
)  # fmt: skip
def test_all_others_are_refused(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses())
def test_nothing_passes_that_python_knows_to_be_private(address: Any) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert not is_public(str(address))


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::", "2002::", "::"]))
def test_no_address_of_ipv4_passes_inside_one_of_ipv6(address: Any, prefix: str) -> None:
    shift = 80 if prefix == "2002::" else 0
    hidden = int(ipaddress.IPv6Address(prefix)) | (int(address) << shift)

    assert not is_public(str(ipaddress.IPv6Address(hidden)))
