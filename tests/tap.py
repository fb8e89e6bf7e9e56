# SPDX-License-Identifier: BSD-2-Clause
"""tap.py -- Test results in the Test Anything Protocol, which meson counts one by one."""

import sys
import traceback


class Tap:
    """Numbers the results of one test program. Used as a context: its end prints the plan."""

    def __init__(self):
        self.count = 0
        self.failed = 0
        self.skipped = 0

    def __enter__(self):
        print("TAP version 13", flush=True)
        return self

    def __exit__(self, kind, error, trace):
        if kind and kind is not SystemExit:
            self.ok(False, "the test program itself", "".join(traceback.format_exception(kind, error, trace)))
        print(f"1..{self.count}", flush=True)
        sys.exit(1 if self.failed else 0)

    def _line(self, word, name, comment=""):
        self.count += 1
        name = name.replace("#", "no.").replace("\n", " ")
        print(f"{word} {self.count} - {name}{comment}", flush=True)

    def note(self, text, file=sys.stdout):
        """Free text beside the results."""
        for line in str(text).splitlines():
            print("# " + line.encode("ascii", "backslashreplace").decode(), flush=True, file=file)

    def ok(self, is_ok, name, why=""):
        """One result; why is printed when it is bad, on stderr, which meson shows."""
        self._line("ok" if is_ok else "not ok", name)
        if not is_ok:
            self.failed += 1
            self.note(f"{name}\n{why}", sys.stderr)
        return bool(is_ok)

    def equal(self, got, expected, name, why=""):
        return self.ok(got == expected, name, f"got      {got!r}\nexpected {expected!r}\n{why}")

    def skip(self, name, why):
        self.skipped += 1
        self._line("ok", name, f" # SKIP {why}")

    def run(self, function, *arguments, name=None, **named):
        """Calls function(tap, …); what it raises is one failed result."""
        try:
            function(self, *arguments, **named)
        except Exception:  # pylint: disable=broad-except
            self.ok(False, name or function.__name__, traceback.format_exc(limit=-3))
