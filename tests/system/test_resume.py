# SPDX-License-Identifier: BSD-3-Clause
"""Runs that are interrupted and resumed: no task is lost, none runs twice, the results are the same."""
import os
import signal

from harness import BUILD, main
from journal import Story, events
from resuming import OTHERS, Resuming, work


class Resume(Resuming):
    # ---- Runs that came to an end

    def test_a_finished_run_has_nothing_left_to_do(self):
        self.assertEqual(self.batchrun("run", "job.yaml").code, 3)
        reference, ran = self.results(), self.lines()
        with open(self.path("job.run/journal"), "rb") as file:
            journal = file.read()
        for name in ["rows.csv", "job.run/results/folded.csv", "tree.csv", "job.run/summary.json"]:
            os.unlink(self.path(name))
        times = os.stat(self.path("texts.jsonl")).st_mtime_ns
        done = self.batchrun("run", "--resume", "job.yaml")
        self.assertEqual(done.code, 3, done)
        self.assertIn("the run in job.run had finished: nothing is left to do, 4 of its tasks failed "
                      "(--retry-failed runs them again)", done.err)
        self.assertEqual(self.results(), reference)
        self.assertEqual(self.lines(), ran)
        self.assertEqual(os.stat(self.path("texts.jsonl")).st_mtime_ns, times)
        with open(self.path("job.run/journal"), "rb") as file:
            self.assertEqual(file.read(), journal)

    def test_what_failed_runs_again(self):
        self.write("mended", "")
        self.assertEqual(self.batchrun("run", "job.yaml").code, 3)
        ran = len(self.lines())
        with open(self.mend, "w", encoding="ascii"):
            pass
        done = self.batchrun("run", "--resume", "--retry-failed", "job.yaml")
        self.assertEqual(done.code, 0, done)
        again = self.lines()[ran:]
        # In the phase with failed tasks, these run as their next attempt. In the phase that reads from
# it, all tasks run. In the others, none run.
        self.assertEqual(sorted(i for p, i, a in again if p == "rows"), [0, 40, 80, 120])
        self.assertEqual({a for p, i, a in again if p == "rows"}, {2})
        self.assertEqual(sum(p == "texts" for p, i, a in again), 150)
        self.assertEqual({p for p, i, a in again}, {"rows", "texts"})
        resumed = self.results()
        self.start_over()
        self.assertEqual(self.batchrun("run", "job.yaml").code, 0)
        self.assertEqual(self.results(), resumed)
        done = self.batchrun("run", "--retry-failed", "job.yaml")
        self.assertIn("had finished: nothing is left to do\n", done.err)

    def test_killed_while_what_failed_runs_again(self):
        self.assertEqual(self.batchrun("run", "job.yaml").code, 3)
        with open(self.mend, "w", encoding="ascii"):
            pass
        self.kill_after(30, "coordinator", "--retry-failed", "--journal=batch")
        self.check_resumed(code=0)
        resumed = self.results()
        self.start_over()
        self.assertEqual(self.batchrun("run", "job.yaml").code, 0)
        self.assertEqual(self.results(), resumed)

    def test_interrupted_by_a_signal(self):
        reference = self.reference()
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.stop_after(60)
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)
            done = self.end(process)
            self.assertEqual(done.code, 5, done)
            self.check_resumed()
            self.assertEqual(self.results(), reference)
            self.start_over()

    def test_a_phase_that_was_stopped_stays_so(self):
        rows = work("rows", 150, 1, 7, 61, on_failure="stop", output="rows.csv")
        self.write("job.yaml", self.job(rows, *OTHERS))
        self.assertEqual(self.batchrun("run", "job.yaml").code, 3)
        counts = [p["outcomes"] for p in self.summary("job")["phases"]]
        ran = len(self.lines())
        self.assertEqual(self.batchrun("run", "--resume", "job.yaml").code, 3)
        self.assertEqual(len(self.lines()), ran)
        self.assertEqual([p["outcomes"] for p in self.summary("job")["phases"]], counts)

    def test_a_run_that_never_began_begins(self):
        done = self.batchrun("run", "--resume", "job.yaml")
        self.assertEqual(done.code, 3, done)
        reference = self.results()
        self.start_over()
        os.mkdir(self.path("job.run"))
        with open(self.path("job.run/journal"), "wb") as file:
            file.write(b"batchrun\1\0\0\0")
        self.assertEqual(self.batchrun("run", "--resume", "job.yaml").code, 3)
        self.assertEqual(self.results(), reference)

    # ---- What must be the same

    def refuse(self, expected, *args):
        with open(self.path("job.run/journal"), "rb") as file:
            journal = file.read()
        done = self.batchrun("run", "--resume", *args, "job.yaml")
        self.assertEqual(done.code, 2, done)
        self.assertIn(expected, done.err)
        self.assertIn("--fresh", done.err)
        with open(self.path("job.run/journal"), "rb") as file:
            self.assertEqual(file.read(), journal)

    def test_another_job_is_refused(self):
        self.write("a.csv", "i\n1\n2\n3\n")
        plugin = self.path("own.so")
        with open(os.path.join(BUILD, "tests/plugins/.libs/tally.so"), "rb") as file:
            binary = file.read()
        with open(plugin, "wb") as file:
            file.write(binary)
        os.chmod(plugin, 0o755)
        job = self.job(work("rows", {"csv": "a.csv"}, 2, 0, 0, timeout="1h"),
                       plugin={"name": "tally", "path": "./own.so"})
        self.write("job.yaml", job)
        same = ["--set", "phases.rows.on_failure=continue"]
        self.assertEqual(self.batchrun("run", *same, "job.yaml").code, 3)
        self.refuse("--set phases.rows.on_failure=continue: was given then, and is not now")
        self.refuse("--set phases.rows.args.bad=3: is given now, and was not then", *same, "--set",
                    "phases.rows.args.bad=3")
        # How the work is done may change.
        done = self.batchrun("run", "--resume", *same, "--set", "workers=1", "--workers", "1", "--set",
                             "phases.rows.timeout=2h", "--progress=none", "job.yaml")
        self.assertEqual(done.code, 3, done)
        self.write("job.yaml", job + "# one more line\n")
        done = self.batchrun("run", "--resume", *same, "job.yaml")
        self.assertEqual(done.code, 3, done)
        self.write("job.yaml", job.replace('"bad":2', '"bad":3').replace('"bad": 2', '"bad": 3'))
        self.refuse("Add --accept job to keep", *same)
        self.refuse("job file job.yaml: line", *same)
        self.write("job.yaml", job)
        self.write("a.csv", "i\n1\n2\n4\n")
        self.refuse("Add --accept inputs to keep", *same)
        self.refuse("inputs of phase rows a.csv: 1 of 3 rows: 2", *same)
        self.refuse("Add --accept job,inputs to keep", *same, "--accept", "job")
        self.write("a.csv", "i\n1\n2\n3\n")
        with open(plugin, "ab") as file:
            file.write(b"\0")
        self.refuse("Add --accept plugin to keep", *same)
        self.refuse("plugin tally of ", *same)
        done = self.batchrun("run", "--fresh", *same, "job.yaml")
        self.assertEqual(done.code, 3, done)
        self.assertTrue(os.path.isdir(self.path("job.run.1")))

    def test_options_that_contradict(self):
        for args, expected in ((("--resume", "--fresh"), "--fresh and --resume"),
                               (("--resume", "--journal=off"), "--journal off"),
                               (("--journal=sometimes",), "expected group, batch, unsynced or off")):
            done = self.batchrun("run", *args, "job.yaml")
            self.assertEqual(done.code, 2, done)
            self.assertIn(expected, done.err)

    # ---- The journal

    def test_durability(self):
        reference = self.reference()
        for how in ("batch", "unsynced", "group"):
            self.assertEqual(self.batchrun("run", f"--journal={how}", "job.yaml").code, 3)
            self.assertEqual(Story(self.path("job.run/journal")).twice, [])
            self.start_over()
        self.assertEqual(self.batchrun("run", "--journal=off", "job.yaml").code, 3)
        self.assertFalse(os.path.exists(self.path("job.run/journal")))
        self.assertEqual(self.results(), reference)

    def test_two_at_once(self):
        first = self.stop_after(1)
        for args in ((), ("--resume",), ("--fresh",)):
            second = self.wait(self.start("run", *args, "job.yaml"))
            self.assertEqual(second.code, 2, second)
            self.assertIn(f"the run in job.run is still running, in process {first.pid} on "
                          f"{os.uname().nodename} since ", second.err)
        os.kill(first.pid, signal.SIGCONT)
        self.assertEqual(self.end(first).code, 3)

    def test_a_journal_taken_away(self):
        for replace in (False, True):
            process = self.stop_after(20)
            os.unlink(self.path("job.run/journal"))
            if replace:
                self.write("job.run/journal", "")
            os.kill(process.pid, signal.SIGCONT)
            done = self.end(process)
            self.assertEqual(done.code, 1, done)
            self.assertIn("was replaced" if replace else "was removed", done.err)
            self.start_over()

    def test_the_journal_of_another_version(self):
        self.assertEqual(self.batchrun("run", "job.yaml").code, 3)
        for version in (4, 6):
            with open(self.path("job.run/journal"), "r+b") as file:
                file.seek(8)
                file.write(bytes([version]))
            for args in (("run", "--resume", "job.yaml"), ("show", "job.run")):
                done = self.batchrun(*args)
                self.assertEqual(done.code, 2, done)
                self.assertIn(f"has format {version}; this batchrun reads format 5: use the batchrun "
                              "that wrote it", done.err)

    def test_time_goes_on(self):
        self.kill_after(60, "coordinator", "--journal=batch")
        self.check_resumed()
        latest = 0
        for event in events(self.path("job.run/journal")):
            if event["event"] in ("tasks_ok", "output"):
                continue
            if event["event"] == "run_resume":
                self.assertGreaterEqual(event["time"], latest)
            latest = max(latest, event["time"])


if __name__ == "__main__":
    main()
