# SPDX-License-Identifier: BSD-3-Clause
"""The trace of a run, as the JSON that viewers read."""
import collections
import json

import harness
from harness import phase


def job(first):
    """Returns a job of four phases, of which `first` is one, with attempts of every kind."""
    return harness.job(
        first,
        phase("faulty.segv", 9, "crashes", mode="async", args={"at": 4}),
        phase("faulty.error_first", 9, "flaky", mode="async", args={"at": 4},
              retries={"limit": 1, "on": ["error"]}),
        phase("demo.greet", {"list": {"name": ["John", "Bill"]}}, "greetings"),
        workers=3, defaults={"chunk_size": 1})


JOB = job(phase("demo.square", 500, "squares"))


# Of the trace event format, the kinds that are used: the fields that an event must have, and those
# that it may have. Viewers ignore unknown fields, so an error would not be seen.
FIELDS = {
    "M": ({"args"}, {"tid"}),
    "X": ({"cat", "ts", "dur", "tid"}, {"args", "cname"}),
    "i": ({"ts", "s"}, {"tid", "cat", "args"}),
    "C": ({"ts", "args"}, {"tid", "cat", "id"}),
    "b": ({"cat", "id", "ts"}, {"tid", "args"}),
    "e": ({"cat", "id", "ts"}, {"tid", "args"}),
}
METADATA = {"process_name": "name", "thread_name": "name", "thread_sort_index": "sort_index",
            "process_sort_index": "sort_index", "process_labels": "labels"}


class Trace(harness.Case):
    def trace(self, *args, run="job.run"):
        done = self.batchrun("trace", *args, run)
        self.assertEqual((done.code, done.out), (0, run + "/trace.json\n"), done)
        trace = json.loads(self.read(run + "/trace.json"))
        self.check_structure(trace)
        return done, trace

    def check_structure(self, trace):
        """Each event has the format's fields, and no two slices of a lane overlap."""
        ends = collections.defaultdict(float)
        open_phases = set()
        for event in trace["traceEvents"]:
            self.assertIsInstance(event["name"], str)
            self.assertEqual(event["pid"], 1)
            kind = event["ph"]
            self.assertIn(kind, FIELDS)
            self.check_fields(event, *FIELDS[kind])
            if kind != "M":
                self.assertGreaterEqual(event["ts"], 0)
            if kind == "X":
                self.assertGreaterEqual(event["dur"], 0)
                # Times are microseconds with three decimals.
                self.assertGreaterEqual(event["ts"], ends[event["tid"]] - 0.0005, event)
                ends[event["tid"]] = event["ts"] + event["dur"]
            elif kind == "b":
                open_phases.add(event["id"])
            elif kind == "e":
                open_phases.remove(event["id"])
        self.assertEqual(open_phases, set())

    def check_fields(self, event, required, optional):
        given = set(event) - {"name", "ph", "pid"}
        self.assertLessEqual(required, given, event)
        self.assertLessEqual(given, required | optional, event)
        for name in given & {"ts", "dur"}:
            self.assertIsInstance(event[name], (int, float), event)
        for name in given & {"pid", "tid"}:
            self.assertIs(type(event[name]), int, event)
        self.assertIsInstance(event.get("args", {}), dict, event)
        self.assertIn(event.get("s", "g"), ("g", "p", "t"), event)
        if event["ph"] == "C":
            self.assertTrue(event["args"], event)
            for value in event["args"].values():
                self.assertIsInstance(value, (int, float), event)
        if event["ph"] == "M":
            self.assertIn(METADATA[event["name"]], event["args"], event)

    @staticmethod
    def tasks(trace):
        """Returns the number of tasks of the slices, by phase and outcome."""
        found = collections.Counter()
        for event in trace["traceEvents"]:
            if event["ph"] == "X":
                found[event["name"], event["cat"]] += event["args"].get("tasks", 1)
        return found

    def test_every_attempt_is_there(self):
        self.run_job(JOB, code=3)
        done, trace = self.trace()
        self.assertEqual(done.err, "")
        self.assertEqual(self.tasks(trace), {("squares", "ok"): 500, ("crashes", "ok"): 8,
                                             ("crashes", "crashed"): 1, ("flaky", "ok"): 9,
                                             ("flaky", "error"): 1, ("greetings", "ok"): 1,
                                             ("greetings", "error"): 1})
        seen = {(e["name"], e["args"]["task"], e["args"]["attempt"])
                for e in trace["traceEvents"] if e["ph"] == "X"}
        self.assertEqual(len(seen), 500 + 9 + 10 + 2)
        failed = [e for e in trace["traceEvents"] if e.get("cat") == "error" and
                  e["name"] == "greetings"][0]
        self.assertEqual(failed["args"], {"task": 1, "attempt": 1, "inputs": "name=Bill",
                                          "message": "Name Error : Bill", "final": True})
        self.assertEqual((trace["otherData"]["tasks_per_slice"], trace["otherData"]["left_out"]),
                         (1, 0))

    def test_lanes_deaths_phases_counters(self):
        self.run_job(JOB, code=3)
        _, trace = self.trace()
        events = trace["traceEvents"]
        # Those that started: a slow one may not have when the run ends.
        cpus = {w["worker"]: w["cpus"] for w in self.summary("job")["workers"] if w["starts"]}
        lanes = {e["tid"] - 1: e["args"]["name"] for e in events if e["name"] == "thread_name"}
        self.assertEqual(lanes, {w: f"worker {w} (cpus {c})" for w, c in cpus.items()})
        self.assertLessEqual({e["tid"] - 1 for e in events if e["ph"] == "X"}, set(lanes))
        deaths = [e for e in events if e["ph"] == "i"]
        self.assertEqual([(e["name"], e["s"]) for e in deaths], [("worker died", "t")])
        self.assertIn("SIGSEGV", deaths[0]["args"]["reason"])
        self.assertEqual([e["name"] for e in events if e["ph"] == "b"],
                         ["squares", "crashes", "flaky", "greetings"])
        failed = [e["args"]["failed"] for e in events if e["ph"] == "C" and e["name"] == "failed"]
        self.assertEqual((failed[0] in (0, 1, 2), failed[-1]), (True, 2))
        self.assertEqual(failed, sorted(failed))
        running = [e["args"]["running"] for e in events
                   if e["ph"] == "C" and e["name"] == "running"]
        self.assertTrue(all(0 <= r <= 3.001 for r in running), max(running))

    def test_limit(self):
        self.run_job(JOB, code=3)
        done, trace = self.trace("--max-slices", "100")
        slices = [e for e in trace["traceEvents"] if e["ph"] in "Xi"]
        self.assertLessEqual(len(slices), 100)
        self.assertIn("share a slice", done.err)
        self.assertGreater(trace["otherData"]["tasks_per_slice"], 1)
        left_out = trace["otherData"]["left_out"]
        deaths = sum(e["ph"] == "i" for e in slices)
        self.assertEqual(sum(self.tasks(trace).values()) + deaths + left_out,
                         500 + 9 + 10 + 2 + 1)
        done, trace = self.trace("--max-slices", "1")
        self.assertIn("left out", done.err)
        self.assertEqual(len([e for e in trace["traceEvents"] if e["ph"] in "Xi"]), 1)
        for wrong in ("0", "-1", "many"):
            done = self.batchrun("trace", "--max-slices", wrong, "job.run")
            self.assertEqual(done.code, 2, done)

    def test_the_newest_run_and_none(self):
        done = self.batchrun("trace")
        self.assertEqual((done.code, done.out), (2, ""), done)
        self.assertIn("no run", done.err)
        self.run_job(JOB, code=3)
        done = self.batchrun("trace")
        self.assertEqual((done.code, done.out), (0, "job.run/trace.json\n"), done)
        done = self.batchrun("trace", "tmp")
        self.assertEqual(done.code, 2, done)
        self.assertIn("tmp is not a run directory", done.err)
        self.assertEqual(self.batchrun("trace", "job.run", "tmp").code, 2)

    def test_a_run_that_continues_and_one_that_was_killed(self):
        naps = {"list": {"seconds": [0, 0, 0, 0, 1e6]}}
        self.kill_after_four(job(phase("demo.sleep", naps, "squares")), "trace", self.has_four)
        _, trace = self.trace()
        self.assertEqual(self.tasks(trace), {("squares", "ok"): 4})

    def has_four(self):
        trace = json.loads(self.read("job.run/trace.json"))
        self.check_structure(trace)
        return self.tasks(trace) == {("squares", "ok"): 4}


if __name__ == "__main__":
    harness.main()
