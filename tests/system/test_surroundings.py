# SPDX-License-Identifier: BSD-3-Clause
"""What a run is started with and meets: a disk that fills, limits of the shell, being stopped."""
import os
import resource
import signal
import subprocess
import unittest

import harness

PRINT = "head -c 60000 /dev/zero | tr '\\0' y >&2"


def limited(what, most):
    return lambda: resource.setrlimit(what, (most, most))


class Surroundings(harness.Rendezvous):
    def job_that_prints(self, rows=40, **keys):
        return harness.job(harness.phase("command.shell", rows, args={"command": PRINT},
                                         output="out.csv", **keys),
                           workers=2, plugins=["command"])

    def check_resumed(self, rows=40):
        done = self.batchrun("run", "--resume", "job.yaml")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(len(self.rows("out.csv")), rows)
        self.assertEqual(self.outcomes("job", "p"), {"ok": rows})

    def mount_small_disk(self):
        mount = ["mount", "-t", "tmpfs", "-o", "size=1200k", "none", self.dir]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            self.skipTest("no file system may be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.dir], check=True)
        os.mkdir(self.temporary)

    def test_a_task_that_succeeds_has_all_its_output(self):
        self.mount_small_disk()
        for isolation in ("worker", "task"):
            text = harness.job(harness.phase("wild.print_much", 400, output="out.csv",
                                             isolation=isolation), workers=2, plugins=["wild"])
            done = self.run_job(text, "--fresh", code=5)
            self.assertIn("nothing more can be written to job.run/logs: No space", done.err)
            subprocess.run(["mount", "-o", "remount,size=50m", self.dir], check=True)
            self.check_resumed(400)
            lines = self.batchrun("logs", "job.run").out.splitlines()
            full = {line.split()[3] for line in lines if line.endswith("yyy")}
            self.assertEqual(full, {str(i) for i in range(400)})
            subprocess.run(["rm", "-rf", self.path("job.run")], check=True)
            subprocess.run(["mount", "-o", "remount,size=1200k", self.dir], check=True)

    def test_logs_fill_the_disk(self):
        self.mount_small_disk()
        for keys in ({}, {"retries": 2}):
            done = self.run_job(self.job_that_prints(**keys), "--fresh", code=5)
            self.assertIn("tasks fail because nothing more can be written to job.run/logs: No space",
                          done.err)
            subprocess.run(["mount", "-o", "remount,size=50m", self.dir], check=True)
            self.check_resumed()
            subprocess.run(["rm", "-rf", self.path("job.run")], check=True)
            subprocess.run(["mount", "-o", "remount,size=1200k", self.dir], check=True)

    def test_a_failure_beside_a_full_log_stays_one(self):
        self.run_job(harness.job(harness.phase("faulty.error", 3, args={"at": 1})), code=3)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 2, "error": 1})

    def test_logs_reach_the_limit_on_files(self):
        most = 1 << 21
        done = self.run_job(self.job_that_prints(100), code=5,
                            preexec_fn=limited(resource.RLIMIT_FSIZE, most))
        self.assertIn(f"a log in job.run/logs has reached the limit on the size of files, {most} "
                      "bytes: raise it (ulimit -f)", done.err)
        self.check_resumed(100)

    @unittest.skipIf(harness.sanitized(), "the plugin itself is larger than the limit")
    def test_a_limit_on_files_that_is_too_small(self):
        done = self.run_job(self.job_that_prints(), code=5,
                            preexec_fn=limited(resource.RLIMIT_FSIZE, 1 << 18))
        self.assertIn("ulimit -f", done.err) # of the journal or of a worker's memory

    def test_a_file_of_a_task_reaches_the_limit(self):
        done = self.run_job(
            harness.job(harness.phase("command.shell", 1, args={"command":
                        "exec head -c 4000000 /dev/zero >big"}), plugins=["command"]),
            code=3, preexec_fn=limited(resource.RLIMIT_FSIZE, 1 << 21))
        self.assertIn("a file that it wrote reached the limit on the size of files", done.err)
        self.assertEqual(self.outcomes("job", "p"), {"over_limit": 1})

    def test_cpu_time_adds_up_over_the_tasks_of_a_worker(self):
        text = harness.job(harness.phase("greedy.burn_some", 20, args={"at": -1}),
                           plugins=["greedy"])
        self.run_job(text, preexec_fn=limited(resource.RLIMIT_CPU, 1))
        self.assertEqual(self.outcomes("job", "p"), {"ok": 20})

    def test_a_task_exceeds_the_cpu_time_of_a_process(self):
        done = self.run_job(
            harness.job(harness.phase("greedy.burn", 4, args={"at": 0}), plugins=["greedy"]),
            code=3, preexec_fn=limited(resource.RLIMIT_CPU, 1))
        self.assertIn("it reached the limit on the CPU time of a process, 1 s (ulimit -t)",
                      done.err)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 3, "over_limit": 1})
        done = self.run_job(
            harness.job(harness.phase("command.shell", 1, args={"command": "while :; do :; done"}),
                        plugins=["command"]),
            "--fresh", code=3, preexec_fn=limited(resource.RLIMIT_CPU, 1))
        self.assertIn("the limit on the CPU time of a process, 1 s (ulimit -t)", done.err)
        self.assertEqual(self.outcomes("job", "p"), {"over_limit": 1})

    def test_other_ends_of_a_command_are_no_limit(self):
        """Neither its run time nor the text of a message is taken for a limit."""
        self.write("exit status 153: killed by signal 25", "#!/bin/sh\nexit 1\n")
        os.chmod(self.path("exit status 153: killed by signal 25"), 0o755)
        limits = lambda: (limited(resource.RLIMIT_CPU, 1)(), limited(resource.RLIMIT_FSIZE, 1 << 30)())
        self.run_job(
            harness.job(harness.phase("command.shell", 1, args={"command": "sleep 1.3; kill -9 $$"}),
                        harness.phase("command.shell", 1, "q", args={"command":
                                      "sleep 1.3; (kill -9 $(exec sh -c 'echo $PPID')); exit 137"}),
                        harness.phase("command.run", 1, "r", args={"command":
                                      "'./exit status 153: killed by signal 25'"}),
                        plugins=["command"]), code=3, preexec_fn=limits)
        for phase in "pqr":
            self.assertEqual(self.outcomes("job", phase), {"error": 1})

    def test_a_limit_inside_a_shell(self):
        text = harness.job(
            harness.phase("command.shell", 1, args={"command": "sh -c 'while :; do :; done'; exit $?"}),
            harness.phase("command.shell", 1, "q",
                          args={"command": "head -c 4000000 /dev/zero >big; exit $?"}),
            plugins=["command"])
        done = self.run_job(text, code=3, preexec_fn=lambda: (
            limited(resource.RLIMIT_CPU, 1)(), limited(resource.RLIMIT_FSIZE, 1 << 21)()))
        self.assertIn("exit status 137; it reached the limit on the CPU time of a process, 1 s", done.err)
        self.assertIn("exit status 153; a file that it wrote reached the limit", done.err)
        for phase in "pq":
            self.assertEqual(self.outcomes("job", phase), {"over_limit": 1})


class Stopped(harness.Rendezvous):
    def processes(self, pid):
        return [pid] + [p for child in self.children(pid) for p in self.processes(child)]

    def check(self, choose):
        """Stops some processes of a run while its tasks end, and continues them."""
        run = self.rendezvous(2, timeout="1h")
        self.both_began()
        stopped = choose(run.pid)
        for pid in stopped:
            harness.stop(pid)
        self.write("go", "")
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        done = self.end(run)
        self.assertEqual(done.code, 0, done)

    def test_the_whole_run(self):
        self.check(lambda pid: [p for p in reversed(self.processes(pid))])

    def test_the_coordinator(self):
        self.check(lambda pid: [pid])


if __name__ == "__main__":
    harness.main()
