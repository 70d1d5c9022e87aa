"""A member's WordPress, from Debian's packages: its own MariaDB and PHP's built-in server.

To look at one by hand, beside a server that runs: `python -m tests.wordpress.site NETWORK_URL`.
"""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.actors import CHECKOUT, Reader, free_port, wait_until

WORDPRESS = Path("/usr/share/wordpress")
HERE = Path(__file__).parent
PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
PACKAGES = "wordpress wordpress-theme-twentytwentythree php-cli php-mysql mariadb-server-core"


def themes() -> list[str]:
    """Those that are installed, of those that come with WordPress."""
    return sorted(path.name for path in (WORDPRESS / "wp-content" / "themes").glob("twenty*"))


def is_installed() -> bool:
    """Whether all is there that a site takes."""
    commands = ("php", "mariadbd", "mariadb-install-db")
    return bool(themes()) and all(shutil.which(one, path=PATH) for one in commands)


class WordPress:
    """A site that asks the server at network_url what its addresses show. Everything is in a
    folder of its own, and gone when it is closed."""

    def __init__(self, network_url: str) -> None:
        # not pytest's folder: the path of a socket must be short
        self._folder = Path(tempfile.mkdtemp(prefix="wordpress-"))
        self._root = self._folder / "site"
        self.password = secrets.token_hex()
        # another host than the network's, so that browsers see two sites
        port = free_port()
        self.url = f"http://localhost:{port}"
        self._environment = {
            **os.environ,
            "PATH": PATH,
            "WORDPRESS_SOCKET": str(self._folder / "socket"),
            "WORDPRESS_URL": self.url,
            "WORDPRESS_ASKED": str(self._folder / "asked"),
            "NETWORK_URL": network_url,
            "PHP_CLI_SERVER_WORKERS": "4",  # the editor asks for several things at once
        }
        self._started: list[subprocess.Popen[bytes]] = []
        try:
            self._start_database()
            self._copy()
            self._php("install.php", self.password)
            self._start(["php", "-S", f"localhost:{port}", "-t", str(self._root)])
            wait_until(self._answers, 30, self.url)
        except BaseException:
            self.close()
            raise

    def publish(self, content: str, theme: str) -> str:
        """Puts up a post, under a theme for the whole site; returns its address."""
        return self._php("publish.php", theme, typed=content)

    def asked(self) -> str:
        """The address that WordPress asked last for what to show."""
        return (self._folder / "asked").read_text()

    @contextmanager
    def trusting(self, network_url: str) -> Iterator[None]:
        """Meanwhile the webmaster has named the network as a provider, as the guide says."""
        plugin = self._root / "wp-content" / "mu-plugins" / "provider.php"
        guide = (CHECKOUT / "docs" / "webmasters.md").read_text()
        (code,) = re.findall(r"```php\n(.*?)```", guide, re.DOTALL)
        code = code.replace("https://widgets.network.example", network_url)
        plugin.write_text(f"<?php\n{code}")
        yield
        plugin.unlink()

    def log(self) -> str:
        """What PHP and MariaDB said."""
        return (self._folder / "log").read_text(errors="replace")

    def close(self) -> None:
        for process in reversed(self._started):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)  # PHP leaves its own children behind
            process.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start_database(self) -> None:
        where = [f"--datadir={self._folder / 'data'}", "--no-defaults"]
        user = [f"--user={os.environ.get('USER', 'root')}"] if os.getuid() == 0 else []
        self._run(
            "mariadb-install-db", "--no-defaults", where[0], *user,
            "--auth-root-authentication-method=normal", "--skip-test-db",
        )  # fmt: skip
        init = self._folder / "init.sql"
        init.write_text("CREATE DATABASE wordpress CHARACTER SET utf8mb4;\n")
        socket = self._environment["WORDPRESS_SOCKET"]
        # Its disk is ours to lose: nothing is waited for.
        self._start([
            "mariadbd", "--no-defaults", where[0], *user, "--skip-networking",
            f"--socket={socket}", f"--pid-file={self._folder / 'pid'}", f"--init-file={init}",
            "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin",
        ])  # fmt: skip
        wait_until(lambda: Path(socket).exists(), 60, "MariaDB")

    def _copy(self) -> None:
        shutil.copytree(WORDPRESS, self._root, ignore=shutil.ignore_patterns("wp-config.php"))
        for name in ("wp-config.php", "install.php", "publish.php"):
            shutil.copy(HERE / name, self._root)
        plugins = self._root / "wp-content" / "mu-plugins"
        plugins.mkdir()
        shutil.copy(HERE / "network.php", plugins)

    def _answers(self) -> bool:
        try:
            return Reader(self.url).open("/?feed=rss2").status == 200
        except OSError:
            return False

    def _php(self, script: str, *arguments: str, typed: str = "") -> str:
        return self._run("php", str(self._root / script), *arguments, typed=typed)

    def _run(self, *command: str, typed: str = "") -> str:
        done = subprocess.run(
            command,
            env=self._environment,
            cwd=self._folder,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def _start(self, command: list[str]) -> None:
        with (self._folder / "log").open("ab") as log:
            self._started.append(
                subprocess.Popen(
                    command,
                    env=self._environment,
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )


def main() -> None:
    if not is_installed():
        sys.exit(f"WordPress is missing; on Debian: apt install {PACKAGES}")
    site = WordPress(sys.argv[1])
    try:
        print(f"{site.url}/wp-admin/ as webmaster or author, with the password {site.password}")
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        site.close()


if __name__ == "__main__":
    main()
