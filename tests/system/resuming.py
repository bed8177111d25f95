# SPDX-License-Identifier: BSD-3-Clause
"""Shared by the tests of interrupted runs: a job, ways to interrupt it, and how to resume it."""
import collections
import os
import sys

from harness import Case, is_stopped, job, phase, until
from journal import CANCELLED, Story

LONG = os.environ.get("BATCHRUN_LONG") == "1"


def work(name, rows, bad, shaky, deadly, **keys):
    """Returns a phase in which some rows always fail, some fail at first, and some kill workers."""
    return phase("tally.work", rows, name, mode="async",
                 args={"bad": bad, "shaky": shaky, "deadly": deadly}, **keys)


def twice(name, of, **keys):
    return phase("tally.twice", {"from": of}, name, **keys)


ROWS = work("rows", 150, 40, 7, 61, chunk_size=5, output="rows.csv")
OTHERS = [
    work("folded", 150, 0, 11, 0, reduce={"task": "sum", "fan_in": 4}, keep_results=True),
    work("tree", 60, 0, 13, 0, reduce={"task": "tally.sum", "fan_in": 3}, output="tree.csv"),
    twice("texts", "rows", needs=["rows"], mode="async", output="texts.jsonl"),
    twice("last", "tree"),
]
REDUCTION, REDUCTION_TASKS = "tree_(reduce)", 20 + 7 + 3 + 1
OUTPUTS = ["rows.csv", "job.run/results/folded.csv", "job.run/results/folded.rows.csv", "tree.csv",
           "texts.jsonl", "job.run/results/last.csv"]


class Resuming(Case):
    """A job with every kind of phase, whose tasks write to a file each time they run."""

    def setUp(self):
        super().setUp()
        self.tally = os.path.join(self.temporary, "tally")
        self.mend = os.path.join(self.temporary, "mend")
        self.write("job.yaml", self.job(ROWS, *OTHERS))
        self.places = collections.Counter()
        self.addCleanup(self.tell_places)

    def job(self, *phases, plugin="tally"):
        retries = {"limit": 3, "on": ["error", "crashed"], "backoff": {"delay": "1ms"}}
        return job(*phases, workers=3, plugins=[plugin], defaults={"retries": retries},
                   env={"TALLY": self.tally, "MEND": self.mend})

    def went_well(self, *what):
        """Counts an interruption after which the run ended as expected."""
        self.places[" ".join(what)] += 1

    def tell_places(self):
        for what, times in sorted(self.places.items()):
            print(f"{self.id()}: {what}: {times}", file=sys.stderr)

    def lines(self):
        try:
            with open(self.tally, encoding="ascii") as file:
                return [(p, int(i), int(a)) for p, i, a in (line.split() for line in file)]
        except FileNotFoundError:
            return []

    def assertNothingLeft(self, done=None):
        kept = {}
        for path in (self.tally, self.mend):
            if os.path.exists(path):
                with open(path, "rb") as file:
                    kept[path] = file.read()
                os.unlink(path)
        super().assertNothingLeft(done)
        for path, content in kept.items():
            with open(path, "wb") as file:
                file.write(content)

    def results(self):
        """Returns the bytes of the run's result files, and its counts."""
        found = {}
        for name in OUTPUTS:
            with open(self.path(name), "rb") as file:
                found[name] = file.read()
        for phase in self.summary("job")["phases"]:
            found[phase["name"]] = (phase["tasks"], phase["outcomes"])
        return found

    def reference(self, *args):
        self.assertEqual(self.batchrun("run", *args, "job.yaml").code, 3)
        results = self.results()
        self.start_over()
        return results

    def start_over(self):
        for name in OUTPUTS:
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))
        if os.path.exists(self.tally):
            os.unlink(self.tally)
        if os.path.exists(self.path("job.run")):
            os.rename(self.path("job.run"), self.path(f"done-{len(os.listdir(self.dir))}"))

    def kill_after(self, tasks, whom, *args):
        """Starts the run, which is killed when so many more tasks have started, and waits for its end."""
        at = str(len(self.lines()) + tasks)
        process = self.start("run", *args, "job.yaml",
                             env=self.environment(KILL_AT=at, KILL=whom))
        self.wait(process)
        self.all_end()

    def stop_after(self, tasks):
        """Starts the run, which is stopped when so many tasks have started, until SIGCONT."""
        process = self.start("run", "job.yaml",
                             env=self.environment(KILL_AT=str(tasks), KILL="stop"))
        until(lambda: is_stopped(process.pid), "the run stands still")
        return process

    def check_resumed(self, *args, code=3):
        """Resumes the run, and compares the tasks that ran with the journal from before."""
        before, ran = Story(self.path("job.run/journal")), len(self.lines())
        done = self.batchrun("run", "--resume", *args, "job.yaml")
        self.assertEqual(done.code, code, done)
        done_before = {task for task, status in before.final.items() if status != CANCELLED}
        again = self.lines()[ran:]
        for phase, index, attempt in again:
            if phase != REDUCTION:  # which counts from 0 on each level of its tree
                self.assertNotIn((phase, index), done_before, "ran again")
                self.assertGreaterEqual(attempt, before.next.get((phase, index), 1), (phase, index))
        self.assertEqual(sum(task[0] == REDUCTION for task in again + list(done_before)),
                         REDUCTION_TASKS)
        after = Story(self.path("job.run/journal"))
        self.assertEqual(after.twice, [])
        return done
