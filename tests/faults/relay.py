"""A relay as a process of its own, that can be killed: `python -m tests.faults.relay PORT FILE`.

Whatever it takes stands in the file before it says so: to whom, and with which Message-ID.
"""

import os
import sys
import threading

from tests.actors import QuickRelay, Taken


class OnDisk(list[Taken]):
    """Instead of being remembered, what was taken is written down."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def append(self, taken: Taken) -> None:
        head = taken.wire.partition(b"\r\n\r\n")[0]
        (message_id,) = [line for line in head.split(b"\r\n") if line.startswith(b"Message-ID: ")]
        os.write(self._file, taken.to.encode() + b"\t" + message_id[12:] + b"\n")


class Nothing(list[str]):
    def append(self, _line: str) -> None:
        pass


if __name__ == "__main__":
    with QuickRelay(port=int(sys.argv[1]), taken=OnDisk(sys.argv[2]), lines=Nothing()):
        threading.Event().wait()
