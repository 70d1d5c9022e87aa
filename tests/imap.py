"""An IMAP server (RFC 3501, as much as a client of ours asks for) with one mailbox, over TLS."""

import base64
import re
import socketserver
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.actors import free_port


@dataclass
class Mail:
    uid: int
    data: bytes
    flags: set[str] = field(default_factory=set)


class ImapServer:
    """user "bounces", password "pass wörd". uidplus: whether it knows RFC 4315. hang_up_at: a
    command (like "UID STORE") at which the connection is lost, once."""

    def __init__(self, certificate: ssl.SSLContext, *, uidplus: bool = True) -> None:
        self.mails: list[Mail] = []
        self.hang_up_at = ""
        self.uidplus = uidplus
        self.port = free_port()
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                _Conversation(outer, self.rfile.readline, self.wfile.write).hold()

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

            def get_request(self) -> tuple[ssl.SSLSocket, object]:
                plain, address = self.socket.accept()
                return certificate.wrap_socket(plain, server_side=True), address

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that hangs up is no news."""

        self._server = Server(("127.0.0.1", self.port), Handler)

    def __enter__(self) -> "ImapServer":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"imaps://bounces:pass%20w%C3%B6rd@localhost:{self.port}/INBOX"

    def put(self, *mails: bytes) -> None:
        for data in mails:
            self.mails.append(Mail(len(self.mails) + 101, data))

    def flags(self) -> list[set[str]]:
        return [mail.flags for mail in self.mails]


class _Conversation:
    def __init__(
        self,
        server: ImapServer,
        read_line: Callable[[], bytes],
        write: Callable[[bytes], object],
    ) -> None:
        self.server, self.read_line, self.write = server, read_line, write

    def hold(self) -> None:
        self.say("* OK hello")
        while line := self.read_line().decode().rstrip("\r\n"):
            tag, _, command = line.partition(" ")
            words = command.split(" ")
            name = " ".join(words[: 2 if words[0] == "UID" else 1])
            if name == self.server.hang_up_at:
                self.server.hang_up_at = ""
                return
            self.say(f"{tag} {self.answer(name, command.removeprefix(words[0]).strip())}")
            if name == "LOGOUT":
                return

    def say(self, line: str) -> None:
        self.write(line.encode() + b"\r\n")

    def answer(self, name: str, rest: str) -> str:
        mails = self.server.mails
        if name == "CAPABILITY":
            more = " UIDPLUS" if self.server.uidplus else ""
            self.say(f"* CAPABILITY IMAP4rev1 AUTH=PLAIN{more}")
        elif name == "AUTHENTICATE":
            self.say("+ ")
            if base64.b64decode(self.read_line()).decode() != "\0bounces\0pass wörd":
                return "NO [AUTHENTICATIONFAILED] wrong"
        elif name == "SELECT":
            if rest != '"INBOX"':
                return "NO no such mailbox"
            self.say(f"* {len(mails)} EXISTS")
        elif name == "UID SEARCH":
            first, last = map(int, re.findall(r"(\d+):(\d+)", rest)[0])
            found = [
                str(one.uid)
                for one in mails[first - 1 : last]
                if not one.flags & {"\\Seen", "\\Deleted"}
            ]
            self.say(" ".join(["* SEARCH", *found]))
        elif name == "UID FETCH":
            uid, size = map(int, re.findall(r"FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", rest)[0])
            for number, one in enumerate(mails, 1):
                if one.uid == uid:
                    data = one.data[:size]
                    self.write(b"* %d FETCH (UID %d BODY[]<0> {%d}\r\n" % (number, uid, len(data)))
                    self.write(data + b")\r\n")
        elif name == "UID STORE":
            uids, flags = re.findall(r"STORE ([\d,]+) \+FLAGS\.SILENT \((.*)\)", rest)[0]
            for one in mails:
                if str(one.uid) in uids.split(","):
                    one.flags |= set(flags.split())
        elif name in ("UID EXPUNGE", "EXPUNGE"):
            only = rest.removeprefix("EXPUNGE").strip().split(",") if name != "EXPUNGE" else None
            for one in list(mails):
                if "\\Deleted" in one.flags and (only is None or str(one.uid) in only):
                    self.say(f"* {mails.index(one) + 1} EXPUNGE")
                    mails.remove(one)
        elif name == "LOGOUT":
            self.say("* BYE")
        else:
            return f"BAD {name} is not known"
        return "OK done"
