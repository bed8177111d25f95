# SPDX-License-Identifier: BSD-3-Clause
"""Whoever reads standard output or error, and waits, holds up nothing else."""
import os
import pty
import signal
import termios
import threading

import harness

ROWS = 50000 # more than a pipe holds


def full_pipe():
    """A pipe that takes nothing more until somebody reads; returns both ends."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    return reader, writer


def read_all(fd):
    """What is read until the other end is closed."""
    with os.fdopen(fd, "rb") as file:
        return file.read().decode()


class Readers(harness.Rendezvous):
    def job_of_three(self, rows=ROWS):
        self.write("job.yaml", harness.job(
            harness.phase("demo.square", rows, "big", output="-"),
            harness.phase("demo.sleep", 1, "hang", args={"seconds": 1000}, timeout="100ms"),
            harness.phase("demo.square", 10, "after", output="after.csv"), workers=2))

    def begin(self, *args, **kwargs):
        self.running = self.start("run", *args, "job.yaml", **kwargs)
        return self.running

    def goes_on(self):
        self.while_it_runs(lambda: os.path.exists(self.path("after.csv")), "later phases end")

    def test_rows_that_are_read_late(self):
        self.job_of_three()
        run = self.begin()
        self.goes_on()
        done = self.end(run)
        self.assertEqual(done.code, 3, done)
        self.assertEqual(done.out.count("\n"), ROWS + 1)
        self.assertTrue(done.out.endswith(f"{ROWS - 1},{ROWS - 1},{(ROWS - 1) ** 2}\n"))
        self.assertEqual(self.outcomes("job", "hang"), {"timed_out": 1})

    def test_rows_that_are_never_read(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self.job_of_three()
            reader, writer = os.pipe()
            run = self.begin("--fresh", stdout=writer)
            os.close(writer)
            self.goes_on()
            run.send_signal(number)
            done = self.end(run)
            self.assertEqual(done.code, 5, done)
            self.assertIn("batchrun: nobody reads standard output: not all rows were written to it\n",
                          done.err)
            self.assertLess(read_all(reader).count("\n"), ROWS)
            # They have not ended for the journal, so another run writes all of them.
            done = self.batchrun("run", "--resume", "job.yaml")
            self.assertEqual((done.code, done.out.count("\n")), (3, ROWS + 1), done.err)
            self.assertJournalWhole("job")
            os.unlink(self.path("after.csv"))

    def test_a_reduced_row(self):
        reader, writer = full_pipe()
        self.write("job.yaml", harness.job(
            harness.phase("demo.square", 10, "sum", output="-", reduce="sum"),
            harness.phase("demo.square", 10, "after", output="after.csv")))
        run = self.begin(stdout=writer)
        os.close(writer)
        self.goes_on()
        self.assertTrue(read_all(reader).endswith("285\n"))
        self.assertEqual(self.end(run).code, 0)

    def test_messages_that_are_read_late_or_never(self):
        for number in (None, signal.SIGINT, signal.SIGTERM):
            self.job_of_three(10)
            reader, writer = full_pipe()
            run = self.begin("--fresh", stderr=writer)
            os.close(writer)
            self.goes_on()
            if number:
                until_over = self.path("job.run/summary.json")
                self.while_it_runs(lambda: os.path.exists(until_over), "the summary is there")
                run.send_signal(number)
                self.assertEqual(self.end(run).code, 3)
                os.close(reader)
            else:
                self.assertRegex(read_all(reader), r"hang#0 timed out(.|\n)*20 of 21 tasks succeeded")
                self.assertEqual(self.end(run).code, 3)
            os.unlink(self.path("after.csv"))

    def test_both_streams_are_one_pipe(self):
        self.job_of_three()
        reader, writer = os.pipe()
        run = self.begin(stdout=writer, stderr=writer)
        os.close(writer)
        self.goes_on()
        text = read_all(reader)
        self.assertEqual(self.end(run).code, 3)
        rows = [f"{i},{i},{i * i}" for i in range(ROWS)]
        self.assertEqual([line for line in text.splitlines() if line.count(",") == 2 and
                          line[0].isdigit()], rows)
        self.assertIn("tasks succeeded", text)

    def test_the_summary_as_json(self):
        reader, writer = full_pipe()
        self.write("job.yaml", harness.job(harness.phase("demo.square", 10)))
        run = self.begin("--json", stdout=writer)
        os.close(writer)
        self.while_it_runs(lambda: os.path.exists(self.path("job.run/summary.json")), "the summary")
        self.assertIn('"exit_status"', read_all(reader))
        self.assertEqual(self.end(run).code, 0)

    def test_a_terminal_that_is_stopped(self):
        self.job_of_three()
        controller, terminal = pty.openpty()
        termios.tcflow(terminal, termios.TCOOFF) # as Ctrl-S
        run = self.begin(stdout=terminal, stderr=terminal,
                         env=self.environment(TERM="xterm"))
        self.goes_on()
        said = []

        def read():
            try:
                while block := os.read(controller, 65536):
                    said.append(block)
            except OSError:
                pass # the terminal is closed
        termios.tcflow(terminal, termios.TCOON)
        os.close(terminal)
        thread = threading.Thread(target=read)
        thread.start()
        self.assertEqual(self.end(run).code, 3)
        thread.join()
        os.close(controller)
        text = b"".join(said).decode()
        self.assertIn(f"\n{ROWS - 1},{ROWS - 1},{(ROWS - 1) ** 2}\r\n", text)
        self.assertIn("tasks succeeded", text)


if __name__ == "__main__":
    harness.main()
