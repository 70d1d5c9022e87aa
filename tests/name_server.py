"""A DNS server on this machine, with the zones of a test."""

import socket
import threading
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.resolver
import dns.rrset


class NameServer:
    """zone: lines like those of a zone file, without an origin. fails: names for which it answers
    SERVFAIL; silent: names for which it does not answer."""

    def __init__(self, zone: str = "") -> None:
        self.fails: set[str] = set()
        self.silent: set[str] = set()
        self._rows: dict[tuple[str, str], list[str]] = {}
        self.add(zone)

    def add(self, zone: str) -> None:
        for line in zone.strip().splitlines():
            name, _, rest = line.strip().partition(" ")
            kind, _, value = rest.removeprefix("IN ").partition(" ")
            self._rows.setdefault((name.lower().rstrip("."), kind), []).append(value)

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def resolver(self, seconds: float = 5) -> dns.resolver.Resolver:
        made = dns.resolver.Resolver(configure=False)
        made.nameservers = ["127.0.0.1"]
        made.port = self._socket.getsockname()[1]
        made.lifetime = seconds
        made.timeout = seconds
        return made

    def _serve(self) -> None:
        while True:
            try:
                data, peer = self._socket.recvfrom(4096)
            except OSError:
                return
            if (answer := self._answer(dns.message.from_wire(data))) is not None:
                self._socket.sendto(answer.to_wire(), peer)

    def _answer(self, asked: dns.message.Message) -> dns.message.Message | None:
        question = asked.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        if name in self.silent:
            return None
        answer = dns.message.make_response(asked)
        answer.flags |= dns.flags.RA
        kind = dns.rdatatype.to_text(question.rdtype)
        if name in self.fails:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif values := self._rows.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *values))
        elif not any(known == name for known, _ in self._rows):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
