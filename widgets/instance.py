"""The instance folder: the keys that a trial makes for itself, and where pictures and mail lie."""

import contextlib
import os
import secrets
from pathlib import Path

SHORTEST_KEY = 16  # characters


def prepare(folder: Path) -> None:
    """Makes the folder, readable by nobody else. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def kept_key(folder: Path, name: str) -> str:
    """The key in this file of the folder; made, once, where there is none."""
    prepare(folder)
    path = folder / name
    # Written whole under another name and then linked: of two processes that start at once,
    # one wins and both read the same.
    if not path.exists():
        draft = folder / f".{name}.{os.getpid()}"
        draft.touch(mode=0o600)
        with draft.open("w") as file:
            file.write(secrets.token_hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    key = path.read_text().strip()
    if len(key) < SHORTEST_KEY:
        raise OSError(f"{path} holds no key; put it back from a backup, or delete it")
    return key
