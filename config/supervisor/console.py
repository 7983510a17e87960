"""What all processes say: on the screen beside their names, and in a log file each.

The screen is a convenience, the files are the record. A thread of its own writes to the screen and
lines are passed over while that blocks: a paused terminal, or a parent that does not read its pipe,
must not stop the processes that want to say something.
"""

import logging
import os
import queue
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_BYTES_MAX = 5_000_000
LOGS_KEPT = 2
LINES_WAITING_MAX = 2_000
CLOSE_TIMEOUT = 2.0  # seconds for what still waits for the screen
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)  # ANSI; red is left to those who fail


class Console:
    """Takes whole lines from whichever thread; never blocks."""

    def __init__(self, screen: int, log_dir: Path, width: int = 12) -> None:
        """Write to the descriptor `screen`, names padded to `width`, and to `<log_dir>/<name>.log`."""
        log_dir.mkdir(parents=True, exist_ok=True)
        self._screen = screen
        self._coloured = os.isatty(screen) and not os.environ.get("NO_COLOR")
        self._log_dir = log_dir
        self._width = width
        self._logs: dict[str, RotatingFileHandler] = {}
        self._lock = threading.Lock()
        self._waiting: queue.Queue[str | None] = queue.Queue(LINES_WAITING_MAX)
        self._passed_over = 0
        self._writer = threading.Thread(target=self._write, name="console", daemon=True)
        self._writer.start()

    def line(self, name: str, text: str) -> None:
        """Show and keep one line of a process."""
        with self._lock:
            if name not in self._logs:
                self._logs[name] = self._open(name)
            self._logs[name].emit(
                logging.LogRecord(name, logging.INFO, "", 0, text, args=None, exc_info=None)
            )
            self._show(f"{self._prefix(name)} {text}")

    def plain(self, text: str) -> None:
        """Show text as it is; it goes into no log, so it may hold a password."""
        with self._lock:
            self._show(text)

    def close(self) -> None:
        """Finish the screen, if it can be, and the log files."""
        with self._lock:
            self._show(None)
            self._writer.join(CLOSE_TIMEOUT)
            while self._logs:
                self._logs.popitem()[1].close()

    def _show(self, text: str | None) -> None:
        try:
            if self._passed_over:
                note = f"… {self._passed_over} lines are only in {self._log_dir}"
                self._waiting.put_nowait(note)
                self._passed_over = 0
            self._waiting.put_nowait(text)
        except queue.Full:
            self._passed_over += 1

    def _write(self) -> None:
        # On the descriptor: a thread that is stuck inside a buffered stream would make Python's
        # exit, which flushes it, get stuck as well.
        while (text := self._waiting.get()) is not None:
            rest = f"{text}\n".encode()
            try:
                while rest:
                    rest = rest[os.write(self._screen, rest) :]
            except OSError:  # the terminal is gone; the log files go on
                return

    def _prefix(self, name: str) -> str:
        prefix = f"{name:{self._width}} |"
        if not self._coloured:
            return prefix
        colour = _COLOURS[list(self._logs).index(name) % len(_COLOURS)]
        return f"\x1b[{colour}m{prefix}\x1b[0m"

    def _open(self, name: str) -> RotatingFileHandler:
        return RotatingFileHandler(
            self._log_dir / f"{name}.log",
            maxBytes=LOG_BYTES_MAX,
            backupCount=LOGS_KEPT,
            encoding="utf-8",
        )
