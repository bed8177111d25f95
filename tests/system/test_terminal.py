# SPDX-License-Identifier: BSD-3-Clause
"""The contents of a terminal during a run."""
import fcntl
import json
import os
import re
import select
import signal
import struct
import termios

import harness


class Screen:
    """A terminal that knows the control sequences of batchrun, and fails on all others."""

    KNOWN = re.compile(r"\r|\n|\x1b\[(\d*)([AJK])|[^\x00-\x1f\x7f]+")

    def __init__(self, columns, lines):
        self.columns, self.lines = columns, lines
        self.rows, self.row, self.column = [""], 0, 0

    def put(self, text):
        text = text.replace("\r\n", "\n")
        at = 0
        while at < len(text):
            found = self.KNOWN.match(text, at)
            assert found, repr(text[at:at + 20])
            at = found.end()
            if found[0] == "\n":
                self.row, self.column = self.row + 1, 0
                self.rows += [""] * (self.row + 1 - len(self.rows))
            elif found[0] == "\r":
                self.column = 0
            elif found[2] == "A":
                up = int(found[1] or 1)
                assert up <= self.row and up < self.lines, "above the screen"
                self.row -= up
            elif found[2]:
                assert not found[1]
                self.rows[self.row] = self.rows[self.row][:self.column]
                if found[2] == "J":
                    del self.rows[self.row + 1:]
            else:
                line = self.rows[self.row].ljust(self.column)
                self.rows[self.row] = (line[:self.column] + found[0] +
                                       line[self.column + len(found[0]):])
                self.column += len(found[0])

    def text(self):
        return "\n".join(self.rows)


class Terminal(harness.Case):
    def begin(self, *args, columns=80, lines=24, output="areas.csv", stdout=None, **changes):
        """Starts a run on a terminal of its own, with one task that waits until finish() and eight
        that do not, of which three fail."""
        self.controller, terminal = os.openpty()
        self.addCleanup(os.close, self.controller)
        for name in ("go", "ended-0"): # of a run before this one
            if os.path.lexists(self.path(name)):
                os.remove(self.path(name))
        self.resize(columns, lines)
        self.screen = Screen(columns, lines)
        self.write("job.yaml", harness.job(
            harness.phase("faulty.rendezvous", 1, "waits", mode="async", args={"dir": self.dir}),
            harness.phase("demo.area", {"range": {"start": -3, "stop": 5, "as": "r"}}, "areas",
                          mode="async", output=output), workers=2))

        def own_terminal():
            os.setsid()
            fcntl.ioctl(2, termios.TIOCSCTTY, 0)

        self.process = self.start("run", *args, "job.yaml", stdin=terminal,
                                  stdout=stdout or terminal, stderr=terminal,
                                  env=self.environment(**{"TERM": "xterm", **changes}),
                                  preexec_fn=own_terminal)
        os.close(terminal)
        self.raw = ""

    def resize(self, columns, lines):
        fcntl.ioctl(self.controller, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def take(self, patience=harness.PATIENCE):
        """Waits for output and shows it on the screen. Returns None if nothing was written, False if the
        program has closed its terminal."""
        if not select.select([self.controller], [], [], patience)[0]:
            return None
        try:
            block = os.read(self.controller, 65536).decode()
        except OSError:
            return False
        self.raw += block
        self.screen.put(block)
        return bool(block)

    def sees(self, *expressions):
        def all_seen():
            return all(re.search(e, self.screen.text(), re.MULTILINE) for e in expressions)
        while not all_seen():
            self.assertTrue(self.take(), self.screen.text())

    def finish(self, code=3):
        """Lets the task end; returns the content of the screen when the run has ended."""
        self.write("go", "")
        while self.take():
            pass
        self.assertEqual(self.end(self.process).code, code, self.screen.text())
        return self.screen.text()

    def test_a_block_is_drawn_and_erased(self):
        self.begin()
        self.sees(r"^waits  \[-+\]  0/1$", r"^ +\S+( s)?  waits#0  38 %  worker [01]$",
                  r"^2 workers, \d+ % busy$", "^areas: done, 8 tasks in ")
        # Failed tasks are above the block, once.
        text = self.screen.text()
        failed = re.findall(r"(?m)^(areas#\d) error: negative radius: -\d$", text)
        self.assertEqual(len(failed), 1, text)
        self.assertLess(text.index("again   batchrun task job.run " + failed[0]),
                        text.index("waits  ["))
        self.assertLess(text.index("areas: done, 8 tasks in "), text.index("waits  ["))
        text = self.finish()
        self.assertNotIn("% busy", text)
        self.assertNotIn("#0  38 %", text)
        self.assertEqual(text.count("error: negative"), 1, text)
        self.assertRegex(text, "and 2 more: batchrun show --failed job.run lists all\n"
                               f"        2 like {failed[0]}: #\\d, #\\d\n")
        self.assertRegex(text, r"6 of 9 tasks succeeded: 3 error \(.*, 2 workers\)\n$")
        self.assertNotRegex(self.raw, r"\x1b\[[0-9;]*m") # no colours

    def test_a_terminal_that_becomes_narrow(self):
        self.begin()
        self.sees("^areas: done, ", r"^waits  \[-{19}\]  0/1$", "busy$")
        # Nothing is written while the terminal changes.
        harness.stop(self.process.pid)
        while self.take(0):
            pass
        self.screen = Screen(40, 24)
        # The row where the block begins depends on how the terminal wraps its long lines.
        self.screen.rows, self.screen.row = [""] * 24, 23
        self.resize(40, 24)
        os.kill(self.process.pid, signal.SIGCONT)
        self.sees(r"^waits  \[-{9}\]  0/1$", "busy$")
        self.assertLess(max(map(len, self.screen.rows)), 40)
        self.assertNotIn("% busy", self.finish())

    def test_results_on_the_same_terminal(self):
        self.begin(output="-")
        self.sees("^3,0,0$", "^7,4,50.26", "busy$")
        text = self.finish()
        self.assertEqual(re.findall(r"(?m)^(\d),", text), ["3", "4", "5", "6", "7"], text)

    def test_a_dumb_terminal(self):
        for term in ("dumb", None):
            self.begin("--fresh", TERM=term)
            self.sees("again   batchrun task")
            self.assertNotIn("\x1b", self.finish())

    def test_each_stream_decides_for_itself(self):
        with open(self.path("out"), "w", encoding="utf-8") as out:
            self.begin("--json", stdout=out)
            self.sees("busy$")
            self.finish()
        self.assertEqual(json.loads(self.read("out"))["exit_status"], 3)

    def test_what_is_asked_for(self):
        self.begin("--progress", "none")
        self.sees("again   batchrun task")
        self.assertNotIn("% busy", self.finish())
        self.begin("--fresh", "--quiet")
        self.sees("again   batchrun task")
        text = self.finish()
        self.assertNotIn("\x1b", self.raw)
        self.assertNotIn("is now", text)
        self.assertNotIn("tasks/s", text)
        self.assertRegex(text, r"6 of 9 tasks succeeded: 3 error \(.*, 2 workers\)\n$")

    def test_a_signal_is_reported_above(self):
        self.begin()
        self.sees("busy$", "waits#0", "^areas: done, 8 tasks in ")
        os.write(self.controller, b"\x03") # Ctrl-C
        self.sees(r"^batchrun: SIGINT .*: no more tasks are started")
        self.assertNotIn("% busy", self.finish())
        self.assertEqual(self.process.returncode, 3)


class NoTerminal(harness.Case):
    @staticmethod
    def areas(name):
        return harness.phase("demo.area", {"range": {"stop": 20, "as": "r"}}, name)

    def test_a_log_is_short(self):
        done = self.run_job(harness.job(*(self.areas(f"p{i}") for i in range(30))))
        self.assertNotIn("\x1b", done.err)
        # Only the table, apart from lines of progress, which come if a run takes long.
        lines = [line for line in done.err.splitlines() if not line.startswith("[")]
        self.assertEqual(len(lines), 1 + 30 + 2, done.err)

    def test_quiet(self):
        job = harness.job(self.areas("p"))
        self.assertEqual(self.run_job(job, "-q").err, "")
        self.assertEqual(self.run_job(job, "-q", "--fresh").err, "")


if __name__ == "__main__":
    harness.main()
