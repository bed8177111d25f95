# SPDX-License-Identifier: BSD-3-Clause
"""Runs in the allocations of a real Slurm, which the tests start; skipped if Slurm is not
installed."""
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
        """Submits the script; returns the job's id."""
        self.write("job.sh", script)
        said = self.cluster.ask("sbatch", "--parsable", "--chdir", self.dir, "--output",
                                self.path("said"), *options, self.path("job.sh"))
        self.assertRegex(said, r"^\d+$", "sbatch")
        return said.strip()

    def state(self, job, field):
        found = re.search(field + r"=(\S+)", self.cluster.ask("scontrol", "show", "job", job))
        return found.group(1) if found else ""

    def ended(self, job):
        """Waits for the job's end; returns its exit status."""
        def over():
            return self.state(job, "JobState") in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")
        harness.until(over, "the job ends")
        return int(self.state(job, "ExitCode").split(":")[0])

    def said(self):
        return self.read("said")

    def write_job(self):
        self.write("job.yaml", harness.job(harness.phase(
            "faulty.rendezvous", 20, args={"dir": self.dir}, chunk_size=1), workers=None))

    def test_only_the_cores_that_were_given(self):
        self.write_job()
        self.write("go", "")
        job = self.submit("#!/bin/sh\nawk '/^Cpus_allowed_list/ {print $2}' /proc/self/status\n"
                          "exec batchrun run --progress none job.yaml\n", "-n1", "-c1")
        self.assertEqual(self.ended(job), 0, self.said())
        given = self.said().splitlines()[0]
        self.assertEqual([w["cpus"] for w in self.summary("job")["workers"]], [given])

    def test_signal_to_every_process_of_a_step(self):
        for name in ("USR1", "TERM"):
            with self.subTest(signal=name):
                self.write_job()
                job = self.submit("#!/bin/sh\nsrun -n1 -c1 batchrun run --fresh --grace 1h job.yaml\n",
                                  "-n1", "-c1")
                self.began(0)
                self.cluster.ask("scancel", "--signal=" + name, job)
                harness.until(lambda: "SIG" + name in self.said(), "the run reports the signal")
                self.write("go", "")
                self.assertEqual(self.ended(job), 5, self.said())
                self.assertEqual(set(self.outcomes("job", "p")), {"ok", "skipped"})
                self.again()

    def test_a_job_that_goes_on_by_itself(self):
        """The script of the guide. No task of the second phase fits into the first allocation."""
        with open(os.path.join(harness.TOP, "docs/slurm.md"), encoding="utf-8") as file:
            script = re.search(r"```sh\n(#!/bin/sh\n.*?)```", file.read(), re.S).group(1)
        self.write("circles.yaml", """version: 1
plugins: [demo]
phases:
  - {name: short, task: demo.square, inputs: {range: 100}, expected_time: 1ms, output: short.csv}
  - {name: long, task: demo.square, inputs: {range: 100}, expected_time: 30m, output: long.csv}
""")
        job = self.submit(script, "--time=2", "-n1", "-c1", "--open-mode=append")
        harness.until(lambda: self.state(job, "Restarts") == "1", "it is requeued")
        self.assertTrue(os.path.exists(self.path("short.csv")))
        self.assertFalse(os.path.exists(self.path("long.csv")))
        # Slurm itself starts it again in two minutes. Until the credential of the first start has
        # expired, the node refuses the second one, which then prints nothing: it is queued once more.
        first = self.said()

        def starts_again():
            subprocess.run(["scontrol", "update", "JobId=" + job, "TimeLimit=60", "StartTime=now"],
                           env=self.cluster.env, check=True)
            self.status = self.ended(job)
            if self.status == 0 or self.said() != first:
                return True
            subprocess.run(["scontrol", "requeue", job], env=self.cluster.env, check=True)
            return False
        harness.until(starts_again, "the node takes the job again")
        self.assertEqual(self.status, 0, self.said())
        self.assertEqual(self.state(job, "JobState"), "COMPLETED", self.said())
        self.assertEqual(len(self.rows("long.csv")), 100)
        events = self.wait(self.start("events", "circles.run")).out
        self.assertEqual(events.count('"event":"run_resume"'), 1, events)


if __name__ == "__main__":
    harness.main()
