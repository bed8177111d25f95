# SPDX-License-Identifier: BSD-3-Clause
"""show, logs and events describe a run by its journal, while it runs and afterwards."""
import json
import os
import pty
import re
import select
import signal
import subprocess

import harness
from harness import phase


def job(start=-12, stop=5):
    """Returns a job with a phase that fails if the radius is negative, one that prints, and one whose
    message has escape codes."""
    return harness.job(
        phase("demo.area", {"range": {"start": start, "stop": stop, "as": "r"}}, "areas", mode="async",
              retries={"limit": 1, "on": ["error"], "backoff": {"delay": "1ms"}}),
        phase("faulty.print", 4, "prints", mode="async", args={"at": 2}),
        phase("faulty.error", 2, "escapes", mode="async", args={"at": 1}), workers=2)


class Afterwards(harness.Case):
    def ran(self):
        self.run_job(job(), code=3)

    def told(self, *args, code=0, **kwargs):
        done = self.batchrun(*args, **kwargs)
        self.assertEqual(done.code, code, done)
        return done.err if code else done.out

    def test_show(self):
        self.ran()
        out = self.told("show", "job.run")
        self.assertTrue(out.startswith("job.run, started 20"), out)
        titles = re.findall(r"(?m)^(areas|prints|escapes)#\d+ error: ", out)
        self.assertEqual(sorted(titles), ["areas", "escapes", "prints"])
        self.assertRegex(out, r"and 11 more: batchrun show --failed job.run lists all\n"
                              r" +11 like areas#\d+: #\d+(, #\d+){4}, ...\n\n")
        self.assertIn("slowest\n", out)
        self.assertRegex(out, r"areas +17 +5 +12 +12")
        self.assertRegex(out, r"9 of 23 tasks succeeded: 14 error \(.*, 2 workers\)\n$")
        self.assertNotIn("\x1b", out)

    def test_show_failed(self):
        self.ran()
        lines = self.told("show", "--failed", "job.run").splitlines()
        self.assertEqual(lines[-1], "14 tasks failed")
        self.assertEqual(sorted(line for line in lines[:-1] if line.startswith("areas")),
                         sorted(f"areas#{i} error: negative radius: {i - 12} (r={i - 12})"
                                for i in range(12)))
        self.assertIn("escapes#1 error: this one fails: \\x1b[31m42\\x1b[0m (i=1 at=1)", lines)

    def test_show_task(self):
        self.ran()
        out = self.told("show", "job.run", "areas#3")
        self.assertEqual(out.count("areas#3 error: negative radius: -9"), 2)
        self.assertIn("(tried again)", out)
        self.assertIn("attempt 2", out)
        self.assertRegex(self.told("show", "areas#16"), r"^areas#16 ok\n    started .* into the run\n")
        self.assertIn("      | log of 2", self.told("show", "prints#2"))
        # The command that is shown is one that works.
        again = self.told("show", "areas#16").splitlines()[-1].split()
        self.assertEqual(again, ["again", "batchrun", "task", "job.run", "areas#16"])
        self.assertIn("50.26", self.told(*again[2:]))

    def test_no_such_task(self):
        self.ran()
        self.assertIn("has no task 17", self.told("show", "areas#17", code=2))
        self.assertIn("no phase `area`", self.told("show", "area#1", code=2))
        self.assertIn("is not a task", self.told("show", "job.run", "areas", code=2))
        self.assertIn("no task areas#17", self.told("logs", "areas#17", code=2))
        self.assertIn("no task area#1", self.told("logs", "area#1", code=2))

    def test_no_such_run(self):
        for command in ("show", "logs", "events"):
            self.assertIn("no run in the current directory", self.told(command, code=2))
            self.assertIn("is not a run directory", self.told(command, "gone.run", code=2))

    def test_logs(self):
        self.ran()
        wanted = set()
        for i in range(4):
            wanted |= {f"prints#{i}: out of {i}", f"prints#{i} (stderr): err of {i}",
                       f"prints#{i} (stderr): log of {i}"}
        self.assertEqual(set(self.told("logs").splitlines()), wanted)
        self.assertEqual(sorted(self.told("logs", "job.run", "prints#2").splitlines()),
                         ["err of 2", "log of 2", "out of 2"])
        self.assertEqual(self.told("logs", "areas#0"), "")

    def test_events(self):
        self.ran()
        events = [json.loads(line) for line in self.told("events").splitlines()]
        self.assertEqual((events[0]["event"], events[-1]["event"]), ("run_begin", "run_end"))
        self.assertEqual(events[-1]["exit_status"], 3)
        ok = sum(e["count"] for e in events if e["event"] == "tasks_ok")
        ok += sum(1 for e in events if e["event"] == "task_end" and e["outcome"] == "ok")
        self.assertEqual(ok, 9)
        self.assertEqual(sum(1 for e in events if e["event"] == "task_end" and e["final"]
                             and e["outcome"] == "error"), 14)

    def test_into_head(self):
        self.run_job(job(-50000, 50000), code=3)
        for args in (["events"], ["show", "--failed"], ["logs"], ["show"]):
            reader, writer = os.pipe()
            process = self.start(*args, stdout=writer)
            os.close(writer)
            subprocess.run(["head", "-n", "1"], stdin=reader, stdout=subprocess.DEVNULL, check=True)
            os.close(reader)
            done = self.end(process)
            self.assertEqual((done.code, done.err), (0, ""), done)

    def test_full_standard_output(self):
        self.ran()
        for args in (["events"], ["show"], ["show", "--failed"], ["logs"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = self.batchrun(*args, stdout=full)
            self.assertEqual(done.code, 1, done)
            self.assertIn("No space left on device", done.err)

    def test_a_terminal_sees_no_control_characters(self):
        self.ran_with_escapes()
        shown = self.seen(0, "logs", "job.run")
        self.assertIn(b"\\x1b[31m", shown)
        self.assertNotIn(b"\x1b", shown)
        self.assertIn("\x1b[31m", self.told("logs", "job.run"))

    def test_nor_those_of_rows_names_and_words(self):
        evil = "\x1b[31m\x07\u202e"
        os.mkdir(self.path(evil))
        self.write(evil + "/rows.csv", f"name\n{evil}\n\"two\nlines\"\n")
        path = self.write(evil + "/job.yaml", """version: 1
name: job
plugins: [demo]
phases:
  - {name: greetings, task: demo.greet, inputs: {csv: rows.csv}, output: "-"}
""")
        run = self.path(evil + "/job.run")
        for code, args in ((0, ["run", path]), (0, ["run", "--fresh", path]), (2, ["run", path]),
                           (0, ["check", path]), (0, ["show", run]), (0, ["report", run]),
                           (0, ["trace", run]), (0, ["task", run, "greetings#0"]),
                           (0, ["task", "demo.greet", "name=" + evil]),
                           (2, ["task", "demo.area", "r=" + evil]), (2, [evil]), (2, ["new", evil]),
                           (2, ["run", "--" + evil])):
            with self.subTest(args=args):
                shown = self.seen(code, *args).decode()
                self.assertNotRegex(shown, "[\x1b\x07\u202e]")
                self.assertIn("\\x1b[31m\\x07\\u{202e}", shown)
        # Output that is not a terminal is not escaped.
        self.assertEqual(self.told("run", "--fresh", path),
                         f"index,name,greeting\n0,{evil},Hello {evil}\n"
                         "1,\"two\nlines\",\"Hello two\nlines\"\n")
        self.assertEqual(self.told("report", run), run + "/report.html\n")
        self.assertEqual(self.told("task", run, "greetings#0"), f"greeting=Hello {evil}\n")

    def seen(self, code, *args):
        """Runs the command on a terminal; returns its output."""
        controller, terminal = pty.openpty()
        process = self.start(*args, stdout=terminal, stderr=terminal,
                             env=self.environment(BATCHRUN_PROGRESS="none"))
        os.close(terminal)
        shown = b""
        while select.select([controller], [], [], harness.PATIENCE)[0]:
            try:
                block = os.read(controller, 65536)
            except OSError:
                break
            if not block:
                break
            shown += block
        os.close(controller)
        self.assertEqual(self.end(process).code, code, shown)
        return shown

    def ran_with_escapes(self):
        """Puts escape codes into the logs of the tasks."""
        self.ran()
        for name in os.listdir(self.path("job.run/logs")):
            with open(self.path("job.run/logs/" + name), "r+b") as log:
                text = log.read().replace(b"log of", b"\x1b[31mf").replace(b"err of", b"\x1b[31mf")
                log.seek(0)
                log.write(text)


class Meanwhile(harness.Rendezvous):
    def told(self, *args):
        """Another process reads the run; it must end on its own, with success."""
        process = self.start(*args)
        done = self.wait(process)
        self.assertEqual((done.code, done.err), (0, ""), done)
        return done.out

    def begun(self, process):
        """Waits until the event that the phase has started is in the journal's file."""
        harness.until(lambda: "phase_begin" in self.told("events"), "the phase begins")
        self.assertIsNone(process.poll())

    def test_a_run_that_goes_on(self):
        process = self.rendezvous(20)
        self.both_began()
        self.begun(process)
        out = self.told("show")
        self.assertIn("the run has not ended: 0 of 20 tasks succeeded", out)
        self.assertRegex(out, f"process {process.pid}")
        self.assertRegex(self.told("show", "p#19"),
                         r"p#19 not ended yet: it waits for a worker, or has started "
                         r"\(0 of the phase's 20 tasks have ended\)")
        self.assertEqual(self.told("logs"), "")
        self.write("go", "")
        self.assertEqual(self.end(process).code, 0)
        self.assertIn("all 20 tasks succeeded", self.told("show"))

    def test_what_waits(self):
        self.write("job.yaml", harness.job(
            phase("faulty.rendezvous", 1, args={"dir": self.dir}, mode="async"),
            phase("demo.square", 3, "q", needs=["p"]), phase("demo.square", 3, "r")))
        process = self.running = self.start("job.yaml")
        self.began(0)
        self.begun(process)
        out = self.told("show")
        self.assertIn("q has not started: it waits for p\n", out)
        self.assertIn("r has not started: it waits for p, q\n", out)
        self.assertEqual(self.told("show", "r#1"),
                         "r#1 not started yet: its phase waits for p, q to end\n")
        self.write("go", "")
        self.assertEqual(self.end(process).code, 0)
        self.assertIn("r#1 ok\n", self.told("show", "r#1"))

    def test_a_run_that_was_cut_off(self):
        process = self.rendezvous(20)
        self.both_began()
        self.begun(process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertNothingLeft()
        self.assertIn("no process is running it", self.told("show"))

    def test_what_was_stopped(self):
        process = self.rendezvous(20, args=("--grace", "1ms"))
        self.both_began()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(process).code, 5)
        self.assertEqual(self.told("show", "p#19"),
                         "p#19 never started: its phase was stopped or skipped\n")
        self.assertIn("cancelled", self.told("show", "p#0"))


if __name__ == "__main__":
    harness.main()
