# SPDX-License-Identifier: BSD-3-Clause
"""What a run needs before its first task is taken away: system calls, files, limits, and an environment
that is of use. A run does without it, or its message names it. Each system call is refused once; with
BATCHRUN_LONG=1 in several ways."""
import os
import re
import shutil
import subprocess
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "system"))
import harness  # noqa: E402
from harness import BUILD, PROGRAM, job, phase  # noqa: E402

LONG = os.environ.get("BATCHRUN_LONG") == "1"
REFUSE = os.path.join(BUILD, "tests/faults/refuse")
CANNOT = 77

# No program starts, ends or writes a message without these.
OF_EVERY_PROGRAM = {"arch_prctl", "close", "exit", "exit_group", "fstat", "futex", "mmap", "mprotect",
                    "newfstatat", "openat", "pread64", "read", "rt_sigreturn", "write", "writev"}
# Causes that are wrong if a system call was refused.
WRONG = re.compile(r"hung|crashed|has died|all workers are gone|was changed or removed|was not found")


class Startup(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("in.csv", "i\n1\n2\n3\n")
        self.write("job.yaml", self.job())

    def job(self, workers=None, **keys):
        rows = {"csv": "in.csv"}
        return job(phase("demo.square", rows, output="out.csv", **keys),
                   phase("demo.square", rows, "q", reduce="sum"), workers=workers or {"count": 1},
                   plugins=["demo"])

    def forget(self):
        shutil.rmtree(self.path("job.run"), ignore_errors=True)
        if os.path.exists(self.path("out.csv")):
            os.unlink(self.path("out.csv"))

    def assertResults(self, done):
        self.assertEqual(done.code, 0, done)
        self.assertEqual([row["square"] for row in self.rows("out.csv")], ["1", "4", "9"], done)


@unittest.skipIf(harness.sanitized(), "sanitizers make system calls of their own")
class Calls(Startup):
    def refused(self, error, call):
        done = self.wait(self.start(error, call, PROGRAM, "run", "job.yaml", program=REFUSE))
        self.all_end(done)
        if done.code == CANNOT:
            self.skipTest(done.err)
        return done

    def calls(self):
        listed = subprocess.run([REFUSE, "list"], stdout=subprocess.PIPE, check=True, encoding="ascii")
        return [c for c in listed.stdout.split() if c not in OF_EVERY_PROGRAM]

    def check(self, error, call):
        with self.subTest(error=error, call=call):
            try:
                done = self.refused(error, call)
                if done.code == 0:
                    self.assertResults(done)
                    return
                self.assertIn(done.code, (1, 2, 4, 5), done)
                self.assertRegex(done.err, rf"\b{call}\b|in\.csv|out\.csv|job\.run|batchrun-worker", done)
                self.assertNotRegex(done.err, WRONG, done)
            finally:
                self.forget()

    def test_each_call(self):
        errors = ("EPERM", "ENOSYS", "EACCES") if LONG else None
        for i, call in enumerate(self.calls()):
            for error in errors or ("EPERM", "ENOSYS")[i % 2:][:1]:
                self.check(error, call)

    @unittest.skipUnless(LONG, "with BATCHRUN_LONG=1")
    def test_each_call_of_isolated_tasks(self):
        self.write("job.yaml", self.job(isolation="task", timeout="1h"))
        for call in self.calls():
            self.check("EPERM", call)

    @unittest.skipUnless(LONG, "with BATCHRUN_LONG=1")
    def test_no_other_call_is_needed(self):
        self.assertResults(self.refused("ENOSYS", "others"))

    def test_a_call_without_which_nothing_works(self):
        for error, more in (("EPERM", "Operation not permitted"), ("ENOSYS", "the kernel is too old")):
            done = self.refused(error, "memfd_create")
            self.assertEqual(done.code, 1, done)
            self.assertIn("cannot use the system call memfd_create", done.err)
            self.assertIn(more, done.err)
            self.assertIn("seccomp", done.err)

    def test_commands_without_clone3(self):
        self.write("job.yaml", job(phase("command.run", {"list": {"command": ["true"]}}),
                                   plugins=["command"]))
        done = self.refused("EPERM", "clone3")
        if done.code != 0: # some C libraries do not need it
            self.assertEqual(done.code, 3, done)
            self.assertIn("the system call clone3 is refused", done.err)

    def test_workers_that_cannot_be_bound(self):
        done = self.refused("EPERM", "sched_setaffinity")
        self.assertResults(done)
        self.assertIn("not bound to CPUs: the system call sched_setaffinity is refused", done.err)


class Files(Startup):
    """Files that every system has, hidden in a mount namespace."""

    def without(self, *commands, run=("run", "job.yaml"), **variables):
        """Runs batchrun after these commands."""
        apart = ["--mount"] if os.getuid() == 0 else ["--mount", "--map-root-user"]
        mount = "mount -t tmpfs none /mnt"
        if not shutil.which("unshare") or subprocess.run(["unshare", *apart, "sh", "-c", mount],
                                                         check=False, capture_output=True).returncode:
            self.skipTest("nothing may be mounted here")
        script = " && ".join([*commands, 'exec "$0" "$@"'])
        done = self.wait(self.start(*apart, "sh", "-c", script, PROGRAM, *run,
                                    program="unshare", env=self.environment(**variables)))
        self.all_end(done)
        return done

    def test_no_proc(self):
        done = self.without("mount -t tmpfs none /proc")
        self.assertEqual(done.code, 1, done)
        self.assertIn("/proc/self/fd", done.err)
        self.assertIn("mount -t proc", done.err)
        self.assertNotRegex(done.err, WRONG)
        done = self.without("mount -t tmpfs none /proc", run=("task", "demo.area", "r=2"))
        self.assertEqual(done.code, 1, done)
        self.assertIn("mount -t proc", done.err)

    def test_a_worker_without_proc(self):
        """It cannot see the threads that the plugin has started: its tasks are not forked."""
        self.write("job.yaml", job(phase("ends.ask", 4, isolation="task"), plugins=["ends"]))
        done = self.without("true", ENDS_THREADS="1", ENDS_PROC="1")
        self.assertEqual(done.code, 3, done) # the first attempts of odd tasks fail
        self.assertEqual(self.outcomes("job", "p"), {"ok": 2, "error": 2})

    def test_no_null(self):
        for make, why in (("true", "No such file"), ("mkdir /dev/null", "Is a directory")):
            done = self.without("mount -t tmpfs none /dev", make)
            self.assertEqual(done.code, 1, done)
            self.assertIn("cannot open /dev/null", done.err)
            self.assertIn(why, done.err)

    def test_no_sys(self):
        done = self.without("mount -t tmpfs none /sys")
        self.assertResults(done)
        self.assertNotIn("hwloc", done.err)

    def test_no_shared_memory_and_nothing_in_dev(self):
        self.write("null", "")
        done = self.without("mount --bind /dev/null null", "mount -t tmpfs none /dev",
                            "touch /dev/null", "mount --bind null /dev/null")
        self.assertResults(done)


@unittest.skipIf(harness.sanitized(), "sanitizers end a setuid program")
class Rights(Startup):
    @unittest.skipUnless(os.getuid() == 0 and shutil.which("setpriv"), "needs root and setpriv")
    def test_a_setuid_program(self):
        program = shutil.copy(PROGRAM, self.path("batchrun"))
        os.chown(program, 12345, -1)
        os.chmod(program, 0o4755)
        os.chmod(self.dir, 0o755)
        done = self.end(self.start("--reuid", "12346", "--clear-groups", program, "check", "job.yaml",
                                   program="setpriv"))
        self.assertEqual(done.code, 1, done)
        self.assertIn("setuid", done.err)


class Places(Startup):
    """A run's directory that is something else."""

    def refuses(self, *args, code=2, **variables):
        done = self.batchrun("run", *args, "job.yaml", env=self.environment(**variables))
        self.assertEqual(done.code, code, done)
        return done.err

    def test_a_link_in_place_of_the_run(self):
        for target in ("elsewhere", "job.run", "nowhere"):
            os.makedirs(self.path("elsewhere"), exist_ok=True)
            os.symlink(target, self.path("job.run"))
            for args in ((), ("--resume",), ("--fresh",)):
                self.assertIn("job.run already exists and is not a directory, but a symbolic link",
                              self.refuses(*args))
            os.unlink(self.path("job.run"))

    def test_a_link_in_the_run(self):
        self.write("file", "")
        os.mkdir(self.path("directory"))
        for name, target in (("lock", "file"), ("journal", "file"), ("logs", "directory"),
                             ("results", "directory")):
            with self.subTest(name=name):
                os.mkdir(self.path("job.run"))
                os.symlink("../" + target, self.path("job.run/" + name))
                said = self.refuses("--resume")
                self.assertRegex(said, f"job.run.*{name}|{name}.*job.run")
                self.assertIn("it is a symbolic link, which batchrun does not follow", said)
                shutil.rmtree(self.path("job.run"))

    def test_a_log_that_is_a_fifo(self):
        os.makedirs(self.path("job.run/logs"))
        os.mkfifo(self.path("job.run/logs/worker-0.out"))
        self.assertIn("worker-0.out is not a regular file", self.refuses("--resume"))

    def test_plugins_that_cannot_be_looked_at(self):
        os.mkdir(self.path("demo.so"))
        os.symlink("loop.so", self.path("loop.so"))
        self.assertIn("demo.so (not a regular file)", self.refuses(code=4, BATCHRUN_PLUGIN_PATH=None))
        self.write("job.yaml", job(phase("loop.task", 3), plugins=["loop"]))
        self.assertIn("loop.so (Too many levels", self.refuses(code=4, BATCHRUN_PLUGIN_PATH="/nowhere"))
        os.rmdir(self.path("demo.so"))


class Environment(Startup):
    """Variables that an earlier job or a typing error left."""

    def test_a_time_of_an_earlier_allocation(self):
        for text in ("1", "1700000000", str(int(time.time()) - 2 * 24 * 3600)):
            done = self.batchrun("run", "--fresh", "job.yaml",
                                 env=self.environment(SLURM_JOB_END_TIME=text))
            self.assertResults(done)
            self.assertIn("SLURM_JOB_END_TIME passed more than an hour ago", done.err)

    def test_a_time_that_has_just_passed(self):
        done = self.batchrun("run", "job.yaml",
                             env=self.environment(SLURM_JOB_END_TIME=str(int(time.time()) - 60)))
        self.assertEqual(done.code, 5, done)
        self.assertIn("the time in SLURM_JOB_END_TIME has passed", done.err)
        self.assertNotIn("killing", done.err)

    def test_values_that_are_none(self):
        for name, value in (("SLURM_JOB_END_TIME", "0"), ("SLURM_JOB_END_TIME", "-1"),
                            ("SLURM_JOB_END_TIME", "2026-01-01T00:00:00"), ("SLURM_JOB_END_TIME", ""),
                            ("SLURM_CPUS_PER_TASK", "4(x2)"), ("BATCHRUN_GRACE", "10"),
                            ("BATCHRUN_PROGRESS", "maybe"), ("BATCHRUN_JOURNAL", "on"),
                            ("BATCHRUN_WORKERS", "many"), ("BATCHRUN_WORKERS", "0"),
                            ("BATCHRUN_DIR", "/nowhere")):
            with self.subTest(name=name, value=value):
                done = self.batchrun("run", "job.yaml", env=self.environment(**{name: value}))
                self.assertEqual(done.code, 2, done)
                self.assertIn(name, done.err)
                self.assertIn(value, done.err)

    def test_options_are_named_themselves(self):
        for option, value in (("--grace", "10"), ("--progress", "maybe"), ("--workers", "many")):
            done = self.batchrun("run", option, value, "job.yaml",
                                 env=self.environment(BATCHRUN_GRACE="5"))
            self.assertEqual(done.code, 2, done)
            self.assertIn(f"{option} {value}: expected", done.err)


@unittest.skipIf(harness.sanitized(), "sanitizers have needs of their own")
class Limits(Startup):
    def limited(self, limits):
        return self.end(self.start("-c", f'ulimit {limits} && exec "$0" "$@"', PROGRAM, "run",
                                   "job.yaml", program="/bin/sh"))

    def test_few_open_files(self):
        done = self.limited("-n 20")
        self.assertEqual(done.code, 2, done)
        self.assertIn("1 worker needs", done.err)
        self.assertIn("ulimit -n", done.err)

    def test_little_memory(self):
        self.write("job.yaml", self.job({"count": 64, "binding": "none", "oversubscribe": True}))
        self.write("in.csv", "i\n" + "1\n" * 64)
        done = self.limited("-v 20000")
        self.assertEqual(done.code, 1, done)
        self.assertIn("ulimit -v", done.err)

    def test_small_files(self):
        done = self.limited("-f 0")
        self.assertEqual(done.code, 1, done)
        self.assertIn("ulimit -f", done.err)


if __name__ == "__main__":
    harness.main()
