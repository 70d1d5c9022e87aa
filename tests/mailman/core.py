"""A real Mailman 3 core, with its REST API on a port of this machine, and nothing else of it: no
mail comes in or goes out."""

import os
import subprocess
from pathlib import Path
from typing import Self

import httpx

from tests.actors import free_port, missing, wait_until

HOME = Path(__file__).parent.parent / ".mailman"
USER, PASSWORD = "restadmin", "a password of the tests"
CONFIGURATION = """\
[mailman]
layout: here
site_owner: owner@lists.example
[paths.here]
var_dir: {folder}
[database]
url: sqlite:///{folder}/mailman.db
[mta]
incoming: mailman.mta.null.NullMTA
[webservice]
hostname: 127.0.0.1
port: {port}
admin_user: {user}
admin_pass: {password}
workers: 1
"""


class Core:
    """lists.example is its domain."""

    def __init__(self, folder: Path) -> None:
        if not (HOME / "bin" / "runner").exists():
            missing("no Mailman in tests/.mailman; make tests/.mailman/.done installs it")
        self._folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = httpx.Client(
            base_url=f"{self.url}/3.1", auth=(USER, PASSWORD), timeout=30, trust_env=False
        )
        self.log = folder / "runner.log"

    def __enter__(self) -> Self:
        file = self._folder / "mailman.cfg"
        file.write_text(
            CONFIGURATION.format(
                folder=self._folder / "var", port=self.port, user=USER, password=PASSWORD
            )
        )
        (self._folder / "var").mkdir()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [HOME / "bin" / "runner", "--runner", "rest"],
                env={**os.environ, "MAILMAN_CONFIG_FILE": str(file), "PYTHONPATH": ""},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, 60, "Mailman to answer")
        self.ask("POST", "/domains", mail_host="lists.example")
        return self

    def __exit__(self, *_: object) -> None:
        self.api.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.log.read_text()
        try:
            return self.api.get("/system/versions").status_code == 200
        except httpx.TransportError:
            return False

    def ask(self, method: str, path: str, **form: str) -> httpx.Response:
        answer = self.api.request(method, path, data=form or None)
        assert answer.status_code < 300, (path, answer.text)
        return answer

    # what its editors and readers do

    def make_list(self, name: str) -> str:
        """Its id."""
        self.ask("POST", "/lists", fqdn_listname=f"{name}@lists.example")
        return f"{name}.lists.example"

    def put(self, list_id: str, address: str) -> None:
        self.ask(
            "POST", "/members", list_id=list_id, subscriber=address, pre_verified="true",
            pre_confirmed="true", pre_approved="true", send_welcome_message="false",
        )  # fmt: skip

    def leave(self, list_id: str, address: str) -> None:
        found = self.ask("GET", f"/lists/{list_id}/member/{address}").json()
        self.ask("DELETE", f"/members/{found['member_id']}")

    def on(self, list_id: str) -> list[str]:
        found = self.ask("GET", f"/lists/{list_id}/roster/member").json()
        return sorted(one["email"] for one in found.get("entries", []))

    def waiting_mails(self) -> int:
        """Mails that it has composed."""
        return sum(1 for _ in (self._folder / "var" / "queue" / "virgin").glob("*.pck"))
