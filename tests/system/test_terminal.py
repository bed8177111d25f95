# SPDX-License-Identifier: BSD-3-Clause
"""What a person at a terminal sees while a run goes on."""
import fcntl
import json
import os
import re
import select
import struct
import termios
import time

import harness

JOB = """version: 1
name: job
plugins: [demo, faulty]
workers: {count: 2, binding: none, oversubscribe: true}
phases:
  - name: waits
    task: faulty.rendezvous
    mode: async
    inputs: {range: 1}
    args: {dir: %s}
  - name: areas
    task: demo.area
    mode: async
    inputs: {range: {start: -3, stop: 5, as: r}}
    output: %s
"""


class Screen:
    """A terminal that knows what batchrun writes, and complains of all else."""

    KNOWN = re.compile(r"\r|\n|\x1b\[(\d*)([AJK])|[^\x00-\x1f\x7f]+")

    def __init__(self, columns, lines):
        self.columns, self.lines = columns, lines
        self.rows, self.row, self.column = [""], 0, 0
        self.redraws = 0

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
                self.redraws += 1
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
        """A run on a terminal of its own, whose first task waits."""
        self.controller, terminal = os.openpty()
        self.addCleanup(os.close, self.controller)
        for name in ("go", "ended-0"): # of a run before this one
            if os.path.lexists(self.path(name)):
                os.remove(self.path(name))
        self.resize(columns, lines)
        self.screen = Screen(columns, lines)
        self.write("job.yaml", JOB % (json.dumps(self.dir), json.dumps(output)))

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

    def take(self, timeout):
        """Shows what was written; False when the program has closed its terminal."""
        if not select.select([self.controller], [], [], timeout)[0]:
            return True
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
        end = time.monotonic() + harness.PATIENCE
        while not all_seen():
            self.assertLess(time.monotonic(), end, self.screen.text())
            self.assertTrue(self.take(0.1), self.screen.text())

    def finish(self, code=3):
        """Lets the task end; what is on the screen when all has."""
        self.write("go", "")
        while self.take(harness.PATIENCE):
            pass
        self.assertEqual(self.end(self.process).code, code, self.screen.text())
        return self.screen.text()

    def test_a_block_is_drawn_and_erased(self):
        began = time.monotonic()
        self.begin()
        self.sees(r"^waits  \[-+\]  0/1$", r"^ +\d+ s  waits#0  38 %  worker [01]$",
                  r"^2 workers, \d+ % busy$")
        # What has failed stands above it, once.
        text = self.screen.text()
        failed = re.findall(r"(?m)^(areas#\d) error: negative radius: -\d$", text)
        self.assertEqual(len(failed), 1, text)
        self.assertLess(text.index("again   batchrun exec job.run " + failed[0]),
                        text.index("waits  ["))
        self.assertLess(text.index("areas: done, 8 tasks in "), text.index("waits  ["))
        text = self.finish()
        self.assertNotIn("busy", text)
        self.assertNotIn("#0  38 %", text)
        self.assertEqual(text.count("error: negative"), 1, text)
        self.assertRegex(text, "and 2 more: batchrun show --failed job.run lists all\n"
                               f"        2 like {failed[0]}: #\\d, #\\d\n")
        self.assertRegex(text, r"6 of 9 tasks succeeded: 3 error \(.*, 2 workers\)\n$")
        self.assertLessEqual(self.screen.redraws, 10 * (time.monotonic() - began) + 2)
        self.assertNotRegex(self.raw, r"\x1b\[[0-9;]*m") # no colours

    def test_a_terminal_that_becomes_narrow(self):
        self.begin()
        self.sees("^areas: done, ", r"^waits  \[-{19}\]  0/1$", "busy$")
        self.screen = Screen(40, 24)
        # Where its block begins depends on what the terminal makes of the lines that it has.
        self.screen.rows, self.screen.row = [""] * 24, 23
        self.resize(40, 24)
        self.sees(r"^waits  \[-{9}\]  0/1$", "busy$")
        self.assertLess(max(map(len, self.screen.rows)), 40)
        self.assertNotIn("busy", self.finish())

    def test_results_on_the_same_terminal(self):
        self.begin(output="-")
        self.sees("^3,0,0$", "^7,4,50.26", "busy$")
        text = self.finish()
        self.assertEqual(re.findall(r"(?m)^(\d),", text), ["3", "4", "5", "6", "7"], text)

    def test_a_dumb_terminal(self):
        for term in ("dumb", None):
            self.begin("--fresh", TERM=term)
            self.sees("again   batchrun exec")
            self.assertNotIn("\x1b", self.finish())

    def test_each_stream_decides_for_itself(self):
        with open(self.path("out"), "w", encoding="utf-8") as out:
            self.begin("--json", stdout=out)
            self.sees("busy$")
            self.finish()
        self.assertEqual(json.loads(self.read("out"))["exit_status"], 3)

    def test_what_is_asked_for(self):
        self.begin("--progress", "none")
        self.sees("again   batchrun exec")
        self.assertNotIn("busy", self.finish())
        self.begin("--fresh", "--quiet")
        self.sees("again   batchrun exec")
        text = self.finish()
        self.assertNotIn("\x1b", self.raw)
        self.assertNotIn("is now", text)
        self.assertNotIn("tasks/s", text)
        self.assertRegex(text, r"6 of 9 tasks succeeded: 3 error \(.*, 2 workers\)\n$")

    def test_a_signal_is_told_above(self):
        self.begin()
        self.sees("busy$")
        os.write(self.controller, b"\x03") # Ctrl-C
        self.sees(r"^batchrun: SIGINT .*: no more tasks are started")
        self.assertNotIn("busy", self.finish())
        self.assertEqual(self.process.returncode, 3)


class NoTerminal(harness.Case):
    def test_a_log_is_short(self):
        done = self.run_job("""version: 1
name: job
plugins: [demo]
phases:
""" + "".join(f"  - {{name: p{i}, task: demo.area, inputs: {{range: {{stop: 20, as: r}}}}}}\n"
              for i in range(30)))
        self.assertNotIn("\x1b", done.err)
        self.assertEqual(len(done.err.splitlines()), 1 + 30 + 2, done.err) # the table alone

    def test_quiet(self):
        job = """version: 1
name: job
plugins: [demo]
phases:
  - {name: p, task: demo.area, inputs: {range: {stop: 20, as: r}}}
"""
        self.assertEqual(self.run_job(job, "-q").err, "")
        self.assertEqual(self.run_job(job, "-q", "--fresh").err, "")


if __name__ == "__main__":
    harness.main()
