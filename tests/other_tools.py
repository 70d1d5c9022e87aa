"""Other people's tools, as far as we talk to them: a listmonk that keeps its state, and one that
answers from a recording. (A real Mailman is in tests/mailman/.)

What they answer has the shapes of listmonk's documentation (docs/docs/content/apis/subscribers.md)
and of what its queries return (queries/subscribers.sql: get-subscriber-lists-lazy).
"""

import base64
import json
import re
import threading
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

USER, PASSWORD = "undersigned", "a token of the tests"


class Served:
    """Something that answers over a socket: `answer` gets a request and returns status and body."""

    def __init__(self) -> None:
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def respond(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                status, headers, content = served.answer(
                    self.command, self.path, dict(self.headers), body
                )
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                self.wfile.flush()

            do_GET = do_POST = do_PUT = do_DELETE = respond  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        raise NotImplementedError

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Row:
    """A subscriber of listmonk. standing: on each list, with the moment since when."""

    id: int
    email: str
    status: str = "enabled"
    standing: dict[int, tuple[str, datetime]] = field(default_factory=dict)


class Listmonk(Served):
    """With the lists 3 (double opt-in), 4 (single) and 5. per_page: the most it gives at once."""

    def __init__(self, *, per_page: int = 50, searches: bool = True) -> None:
        super().__init__()
        self.rows: dict[int, Row] = {}
        self.per_page = per_page
        self.searches = searches  # by a regular expression, as versions since 5 do
        self.now = datetime.fromisoformat("2026-04-01T12:00:00+00:00")
        self.asked: list[str] = []
        self.said: dict[str, tuple[int, bytes]] = {}  # method and path → what goes wrong
        self.fails_after: int | None = None  # changes
        self.ignores_changes = False
        self._ids = 0

    # what people and editors do over there

    def put(self, email: str, standing: str = "confirmed", on: int = 3) -> Row:
        row = self.of(email)
        if row is None:
            self._ids += 1
            row = self.rows[self._ids] = Row(self._ids, email)
        row.standing[on] = (standing, self.now)
        return row

    def leave(self, email: str, on: int = 3) -> None:
        row = self.of(email)
        if row is not None and on in row.standing:
            row.standing[on] = ("unsubscribed", self.now)

    def vanish(self, email: str) -> None:
        row = self.of(email)
        if row is not None:
            del self.rows[row.id]

    def of(self, email: str) -> Row | None:
        return next((r for r in self.rows.values() if r.email.lower() == email.lower()), None)

    def standing(self, email: str, on: int = 3) -> str | None:
        row = self.of(email)
        return row.standing[on][0] if row and on in row.standing else None

    def confirmed(self, on: int = 3) -> list[str]:
        return sorted(
            row.email for row in self.rows.values() if row.standing.get(on, ("",))[0] == "confirmed"
        )

    # what it answers

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(f"{method} {path}")
        status, said = self._answer(method, path, headers, body)
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        return status, {"Content-Type": "application/json"}, content

    def _answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, Any]:
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if headers.get("Authorization") != f"Basic {wanted}":
            return 401, {"message": "invalid API credentials"}
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if broken := self.said.get(f"{method} {parts.path}"):
            return broken
        if method == "GET" and (on := re.fullmatch(r"/api/lists/(\d+)", parts.path)):
            return self._list(int(on[1]))
        if method == "GET" and parts.path == "/api/subscribers":
            return self._query(query)
        if method == "GET" and (one := re.fullmatch(r"/api/subscribers/(\d+)", parts.path)):
            row = self.rows.get(int(one[1]))
            return (200, {"data": self._told(row)}) if row else (400, {"message": "not found"})
        if method not in ("POST", "PUT"):
            return 405, {"message": "Method Not Allowed"}
        if self.fails_after is not None:
            if self.fails_after == 0:
                return 500, {"message": "error"}
            self.fails_after -= 1
        asked = json.loads(body)
        if method == "POST" and parts.path == "/api/subscribers":
            return self._create(asked)
        if method == "PUT" and parts.path == "/api/subscribers/lists":
            return self._manage(asked)
        return 404, {"message": "Not Found"}

    def _list(self, number: int) -> tuple[int, Any]:
        if number not in (3, 4, 5):
            return 400, {"message": "List not found"}
        optin = "single" if number == 4 else "double"
        return 200, {"data": {"id": number, "name": "Weekly", "optin": optin}}

    def _query(self, query: dict[str, str]) -> tuple[int, Any]:
        rows = sorted(self.rows.values(), key=lambda row: row.id)
        if "list_id" in query:
            assert (query["order_by"], query["order"]) == ("id", "ASC")
            rows = [row for row in rows if int(query["list_id"]) in row.standing]
        if "search" in query and self.searches:
            rows = [row for row in rows if re.search(query["search"], row.email, re.IGNORECASE)]
        if "query" in query:
            (email,) = re.fullmatch(r"subscribers\.email = '(.*)'", query["query"]).groups()  # type: ignore[union-attr]
            rows = [row for row in rows if row.email == email.replace("''", "'")]
        per, page = min(self.per_page, int(query["per_page"])), int(query["page"])
        told = [self._told(row) for row in rows[(page - 1) * per : page * per]]
        data = {"results": told, "total": len(rows), "per_page": per, "page": page, "query": ""}
        return 200, {"data": data}

    def _told(self, row: Row) -> dict[str, Any]:
        return {
            "id": row.id,
            "created_at": "2026-01-01T00:00:00.000000+00:00",
            "updated_at": self.now.isoformat(),
            "uuid": f"ea06b2e7-4b08-4697-bcfc-{row.id:012d}",
            "email": row.email,
            "name": "Somebody",
            "attribs": {},
            "status": row.status,
            "lists": [
                {
                    "subscription_status": standing,
                    "subscription_created_at": since.isoformat(),
                    "subscription_updated_at": since.isoformat(),
                    "subscription_meta": {},
                    "id": number,
                    "name": "Weekly",
                    "type": "private",
                }
                for number, (standing, since) in row.standing.items()
            ],
        }

    def _create(self, asked: dict[str, Any]) -> tuple[int, Any]:
        assert asked["preconfirm_subscriptions"] is True  # or they would get a mail
        if "=" in asked["email"]:
            return 400, {"message": "Invalid email."}
        if self.of(asked["email"]):
            return 409, {"message": "E-mail already exists."}
        row = self.put(asked["email"].lower(), "confirmed", asked["lists"][0])
        return 200, {"data": self._told(row)}

    def _manage(self, asked: dict[str, Any]) -> tuple[int, Any]:
        (number,) = asked["target_list_ids"]
        for one in () if self.ignores_changes else asked["ids"]:
            row = self.rows[one]
            if asked["action"] == "add":
                # its query leaves updated_at as it was
                since = row.standing.get(number, ("", self.now))[1]
                row.standing[number] = (asked["status"], since)
            elif number in row.standing:
                row.standing[number] = ("unsubscribed", self.now)
        return 200, {"data": True}


class Replay(Served):
    """Answers what a recording says, in its order, and nothing else. A recording is a list of
    exchanges: {"request": {method, path, query, headers, body}, "response": {status, body}}."""

    def __init__(self, recording: list[dict[str, Any]]) -> None:
        super().__init__()
        self._left = list(recording)
        self.wrong: list[str] = []

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(path)
        got = {
            "method": method,
            "path": parts.path,
            "query": {name: values[0] for name, values in parse_qs(parts.query).items()},
            "headers": {
                name: value
                for name, value in headers.items()
                if name in ("Authorization", "Content-Type", "Accept")
            },
            "body": json.loads(body) if body else None,
        }
        exchange = self._left.pop(0) if self._left else {"request": "nothing", "response": {}}
        if got != exchange["request"]:
            self.wrong.append(f"expected {exchange['request']}, got {got}")
            return 500, {}, b"{}"
        response = exchange["response"]
        content = json.dumps(response["body"]).encode()
        return response["status"], {"Content-Type": "application/json"}, content

    def check(self) -> None:
        """That everything was asked as it was recorded, and nothing else."""
        assert not self.wrong
        assert not self._left
