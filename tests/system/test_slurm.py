# SPDX-License-Identifier: BSD-3-Clause
"""Runs in the allocations of a real Slurm, which is started for them; skipped where none is
installed."""
import json
import os
import re
import subprocess
import unittest

import harness
import slurm


@unittest.skipIf(slurm.why_not(), slurm.why_not())
class Slurm(harness.Rendezvous):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("slurm"))
        self.cluster = slurm.Cluster(self.path("slurm"))
        # Jobs inherit what batchrun needs, and the mark by which its processes are known.
        self.cluster.env.update(self.environment(
            PATH=os.path.dirname(harness.PROGRAM) + ":" + slurm.SEARCH,
            SLURM_CONF=self.cluster.path("slurm.conf")))
        self.addCleanup(self.cluster.stop)
        self.cluster.start()

    def submit(self, script, *options):
        """Submits the script; the job's id."""
        self.write("job.sh", script)
        said = self.cluster.ask("sbatch", "--parsable", "--chdir", self.dir, "--output",
                                self.path("said"), *options, self.path("job.sh"))
        self.assertRegex(said, r"^\d+$", "sbatch")
        return said.strip()

    def state(self, job, field):
        found = re.search(field + r"=(\S+)", self.cluster.ask("scontrol", "show", "job", job))
        return found.group(1) if found else ""

    def ended(self, job):
        """Waits for the job's end; its exit status."""
        def over():
            return self.state(job, "JobState") in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")
        harness.until(over, "the job ends")
        return int(self.state(job, "ExitCode").split(":")[0])

    def said(self):
        return self.read("said")

    def phase(self, *more):
        return ("version: 1\nname: job\nplugins: [demo, faulty]\nphases:\n"
                "  - name: p\n    task: faulty.rendezvous\n    inputs: {range: 20}\n"
                f"    args: {{dir: {json.dumps(self.dir)}}}\n    chunk_size: 1\n" +
                "".join(f"    {line}\n" for line in more))

    def test_only_the_cores_that_were_given(self):
        self.write("job.yaml", self.phase())
        self.write("go", "")
        job = self.submit("#!/bin/sh\nawk '/^Cpus_allowed_list/ {print $2}' /proc/self/status\n"
                          "exec batchrun run --progress none job.yaml\n", "-n1", "-c1")
        self.assertEqual(self.ended(job), 0, self.said())
        given = self.said().splitlines()[0]
        self.assertEqual([w["cpus"] for w in self.summary("job")["workers"]], [given])

    def test_signal_to_every_process_of_a_step(self):
        for name in ("USR1", "TERM"):
            with self.subTest(signal=name):
                self.write("job.yaml", self.phase())
                job = self.submit("#!/bin/sh\nsrun -n1 -c1 batchrun run --fresh --grace 1h job.yaml\n",
                                  "-n1", "-c1")
                self.began(0)
                self.cluster.ask("scancel", "--signal=" + name, job)
                harness.until(lambda: "SIG" + name in self.said(), "it is heeded")
                self.write("go", "")
                self.assertEqual(self.ended(job), 5, self.said())
                self.assertEqual(set(self.outcomes("job", "p")), {"ok", "skipped"})
                for left in [n for n in os.listdir(self.dir)
                             if n.startswith(("go", "began-", "ended-"))]:
                    os.unlink(self.path(left))

    def test_a_job_that_goes_on_by_itself(self):
        """The script of the guide. No task of the second phase fits into the first allocation."""
        with open(os.path.join(harness.TOP, "docs/slurm.md"), encoding="utf-8") as file:
            script = re.search(r"```sh\n(#!/bin/sh\n.*?)```", file.read(), re.S).group(1)
        self.write("circles.yaml", """version: 1
plugins: [demo]
phases:
  - {name: short, task: demo.square, inputs: {range: 100}, time_request: 1ms, output: short.csv}
  - {name: long, task: demo.square, inputs: {range: 100}, time_request: 30m, output: long.csv}
""")
        job = self.submit(script, "--time=2", "-n1", "-c1", "--open-mode=append")
        harness.until(lambda: self.state(job, "Restarts") == "1", "it is requeued")
        self.assertTrue(os.path.exists(self.path("short.csv")))
        self.assertFalse(os.path.exists(self.path("long.csv")))
        # Slurm starts it again in two minutes. Sooner, a node that has not cleared up behind the first
        # start refuses the second, which then says nothing: it is queued once more.
        first = self.said()
        for _ in range(10):
            subprocess.run(["scontrol", "update", "JobId=" + job, "TimeLimit=60", "StartTime=now"],
                           env=self.cluster.env, check=True)
            status = self.ended(job)
            if status == 0 or self.said() != first:
                break
            subprocess.run(["scontrol", "requeue", job], env=self.cluster.env, check=True)
        self.assertEqual(status, 0, self.said())
        self.assertEqual(self.state(job, "JobState"), "COMPLETED", self.said())
        self.assertEqual(len(self.rows("long.csv")), 100)
        told, _ = self.start("events", "circles.run").communicate(timeout=harness.PATIENCE)
        self.assertEqual(told.count('"event":"run_resume"'), 1, told)


if __name__ == "__main__":
    harness.main()
