# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of runs that are cut off share."""
import collections
import os
import sys

from harness import PATIENCE, Case, until
from journal import CANCELLED, Story

LONG = os.environ.get("BATCHRUN_LONG") == "1"

JOB = """version: 1
name: job
workers: {count: 3, oversubscribe: true, binding: none}
plugins: [tally]
env: {TALLY: TALLY_FILE, MEND: MEND_FILE}
defaults: {retries: {limit: 3, on: [error, crash], backoff: {delay: 1ms}}}
phases:
  - name: rows
    task: tally.work
    mode: async
    inputs: {range: 150}
    args: {bad: 40, shaky: 7, deadly: 61}
    chunk_size: 5
    output: rows.csv
  - name: folded
    task: tally.work
    mode: async
    inputs: {range: 150}
    args: {bad: 0, shaky: 11, deadly: 0}
    reduce: {task: sum, fan_in: 4}
    keep_results: true
  - name: tree
    task: tally.work
    mode: async
    inputs: {range: 60}
    args: {bad: 0, shaky: 13, deadly: 0}
    reduce: {task: tally.sum, fan_in: 3}
    output: tree.csv
  - name: texts
    task: tally.twice
    needs: [rows]
    mode: async
    inputs: {from: rows}
    output: texts.jsonl
  - name: last
    task: tally.twice
    inputs: {from: tree}
"""
REDUCTION, REDUCTION_TASKS = "tree_(reduce)", 20 + 7 + 3 + 1
OUTPUTS = ["rows.csv", "job.run/results/folded.csv", "job.run/results/folded.rows.csv", "tree.csv",
           "texts.jsonl", "job.run/results/last.csv"]


def is_stopped(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(") ")[2].startswith("T")


class Resuming(Case):
    """A job of every kind of phase, whose tasks write down that they run."""

    def setUp(self):
        super().setUp()
        self.tally = os.path.join(self.temporary, "tally")
        self.mend = os.path.join(self.temporary, "mend")
        self.job = JOB.replace("TALLY_FILE", self.tally).replace("MEND_FILE", self.mend)
        self.write("job.yaml", self.job)
        self.places = collections.Counter()
        self.addCleanup(self.tell_places)

    def went_well(self, *what):
        """A place that was tried and went as it should."""
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
        """What the run gave: its result files' bytes and its counts."""
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
        """Starts the run, which is killed when so many more tasks have begun."""
        at = str(len(self.lines()) + tasks)
        process = self.start("run", *args, "job.yaml",
                             env=self.environment(KILL_AT=at, KILL=whom))
        process.communicate(timeout=PATIENCE)
        self.all_end()

    def stop_after(self, tasks):
        """Starts the run, which stands still when so many tasks have begun, until SIGCONT."""
        process = self.start("run", "job.yaml",
                             env=self.environment(KILL_AT=str(tasks), KILL="stop"))
        until(lambda: is_stopped(process.pid), "the run stands still")
        return process

    def check_going_on(self, *args, code=3):
        """Goes on, and holds what ran against what the journal said before."""
        before, ran = Story(self.path("job.run/journal")), len(self.lines())
        done = self.batchrun("run", "--resume", *args, "job.yaml")
        self.assertEqual(done.code, code, done)
        done_before = {task for task, status in before.final.items() if status != CANCELLED}
        again = self.lines()[ran:]
        for phase, index, attempt in again:
            if phase != REDUCTION:  # which counts from 0 on each level of its tree
                self.assertNotIn((phase, index), done_before, "ran again")
                self.assertGreaterEqual(attempt, before.next.get((phase, index), 0), (phase, index))
        self.assertEqual(sum(task[0] == REDUCTION for task in again + list(done_before)),
                         REDUCTION_TASKS)
        after = Story(self.path("job.run/journal"))
        self.assertEqual(after.twice, [])
        return done
