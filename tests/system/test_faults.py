# SPDX-License-Identifier: BSD-3-Clause
"""A task, a worker, the coordinator or something outside fails. Other tasks are not affected, and
nothing is left of the run."""
import contextlib
import os
import resource
import signal
import subprocess
import unittest

import harness



def faulty(task, rows=20, at=7, workers=2, args=None, **keys):
    """Returns a job of one phase, whose task misbehaves in row `at`."""
    return harness.job(harness.phase("faulty." + task, rows, args={"at": at, **(args or {})},
                                     output="out.csv", **keys), workers=workers)


def areas(start, stop, name="p", **keys):
    """A phase whose rows fail if the radius is negative."""
    return harness.phase("demo.area", {"range": {"start": start, "stop": stop, "as": "r"}}, name,
                         **keys)


class Tasks(harness.Case):
    """One row of twenty misbehaves; all twenty are in the one worker's chunk."""

    def one_fails(self, task, outcome, *words, **keys):
        done = self.run_job(faulty(task, workers=1, chunk_size=20, **keys), code=3)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 19, outcome: 1}, done)
        rows = self.rows("out.csv")
        self.assertEqual([int(r["i"]) for r in rows], [i for i in range(20) if i != 7])
        for word in words:
            self.assertIn(word, done.err)
        return done, rows

    def one_dies(self, task, *words):
        done, rows = self.one_fails(task, "crashed", *words)
        before = {r["pid"] for r in rows if int(r["i"]) < 7}
        after = {r["pid"] for r in rows if int(r["i"]) > 7}
        self.assertEqual(len(before), 1, rows)
        self.assertFalse(before & after, "the worker was not replaced")
        return done

    def test_segv(self):
        self.one_dies("segv", "SIGSEGV")

    def test_abort(self):
        self.one_dies("abort", "SIGABRT")

    def test_kill(self):
        self.one_dies("kill", "SIGKILL")

    def test_exit(self):
        self.one_dies("exit0", "exit")

    def test_exit_at_once(self):
        self.one_dies("exit0_now", "exit")

    def test_exit_with_a_code(self):
        self.one_dies("exit7", "7")

    def test_error(self):
        done, _ = self.one_fails("error", "error", "this one fails", "i=7")
        self.assertNotIn("\x1b[31m", done.err, "the message is not escaped")

    def test_bare_return(self):
        self.one_fails("bare_return", "error", "17")

    def test_no_result(self):
        self.one_fails("no_result", "error", "pid")

    def test_wrong_result(self):
        self.one_fails("wrong_result", "error", "pdi")

    def test_wrong_argument(self):
        self.one_fails("wrong_argument", "error", "radius")

    def test_output_is_shown(self):
        self.one_fails("print", "error", "printed first", "out of 7", "err of 7", "log of 7")

    def test_output_before_a_death_is_not_the_dead_ones_alone(self):
        self.run_job(faulty("neighbour_prints", workers=1, chunk_size=20), code=3)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 19, "crashed": 1})
        self.assertIn("of the neighbour", self.batchrun("logs", "job.run", "p#6").out)

    def test_timeout(self):
        for limit in harness.time_limits(0.2, "one of twenty tasks is timed out"):
            done = self.run_job(faulty("hang", workers=1, chunk_size=20, timeout=f"{limit:g}s"),
                                "--fresh", code=3)
            outcomes = self.outcomes("job", "p")
            if outcomes["timed_out"] == 1:
                break
        self.assertEqual(outcomes, {"ok": 19, "timed_out": 1}, done)
        self.assertNotIn("7", [row["i"] for row in self.rows("out.csv")])
        self.assertRegex(done.err, "(?i)time")

    def test_orphan_is_swept(self):
        self.run_job(faulty("orphan"))  # the harness looks for what it left
        self.assertEqual(self.outcomes("job", "p"), {"ok": 20})

    def test_traced(self):
        # A traced process stops at the signal, and waits for its parent to let it continue.
        for number, words in ((signal.SIGSEGV, "SIGSEGV: raised by the task itself"),
                              (signal.SIGUSR1, "SIGUSR1 (user signal 1)")):
            with self.subTest(signal=number):
                done = self.run_job(faulty("traced", workers=1, chunk_size=20,
                                           args={"signal": int(number)}), "--fresh", code=3)
                self.assertEqual(self.outcomes("job", "p"), {"ok": 19, "crashed": 1})
                self.assertIn(words, done.err)

    def test_traced_and_not_ended(self):
        self.run_job(faulty("traced", workers=1, chunk_size=20,
                            args={"signal": int(signal.SIGWINCH)}))
        self.assertEqual(self.outcomes("job", "p"), {"ok": 20})
        self.assertEqual(len({row["pid"] for row in self.rows("out.csv")}), 1)

    def test_output_that_a_daemon_holds_open(self):
        # A run ends although a daemon of a task that has ended holds the standard output open.
        for isolation in ("worker", "task"):
            with self.subTest(isolation=isolation):
                self.run_job(faulty("hold_output", workers=1, chunk_size=20, isolation=isolation),
                             "--fresh")
                self.assertEqual(self.outcomes("job", "p"), {"ok": 20})
                self.assertIn("held open", self.batchrun("logs", "job.run", "p#7").out)

    def test_forked_child_comes_back(self):
        self.run_job(faulty("fork_returns", chunk_size=20))
        self.assertEqual(self.outcomes("job", "p"), {"ok": 20})
        self.assertEqual(len(self.rows("out.csv")), 20)

    def test_damaged_claims_cost_no_task(self):
        # With its next task the worker writes its position anew. If the coordinator looks before
        # that, it kills the worker and runs the tasks again that have no outcome.
        self.run_job(faulty("damage", workers=1, chunk_size=20))
        self.assertEqual(self.outcomes("job", "p"), {"ok": 20})
        self.assertEqual(len(self.rows("out.csv")), 20)

    def test_more_outcomes_than_one_look_takes(self):
        # Each failure is a record of its own, and they come faster than they are read.
        rows = 100000
        self.run_job(harness.job(areas(-rows, 0), workers=2), code=3)
        self.assertEqual(self.outcomes("job", "p"), {"error": rows})

    def test_closed_descriptors_cost_no_neighbour(self):
        self.write("job.yaml", faulty("close_all"))
        done = self.batchrun("job.yaml")
        self.assertIn(done.code, (0, 3), done)
        self.assertEqual(sum(self.outcomes("job", "p").values()), 20)
        self.assertGreaterEqual(self.outcomes("job", "p")["ok"], 19)

    def test_fini_runs_to_its_end(self):
        """The run waits for it to return."""
        plugin = {"name": "configured", "config": {"farewell": "so long"}}
        self.run_job(harness.job(harness.phase("configured.about", 1), plugins=[plugin]))
        with open(self.path("job.run/logs/worker-0.out"), encoding="utf-8") as log:
            self.assertEqual(log.read(), "so long\n")

    def test_several_crash(self):
        matrix = {"matrix": {"i": {"range": 5}, "at": {"range": 5}}}
        self.run_job(harness.job(harness.phase("faulty.segv", matrix), workers=2), code=3)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 20, "crashed": 5})

    def test_failures_that_are_alike(self):
        done = self.run_job(harness.job(areas(-25, 5)), code=3)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 5, "error": 25})
        self.assertEqual(done.err.count("negative radius"), 1, done)
        self.assertIn("and 24 more: batchrun show --failed job.run lists all\n       24 like p#",
                      done.err)


class Retries(harness.Case):
    def test_the_second_attempt_succeeds(self):
        self.run_job(faulty("error_first", retries={"limit": 1, "on": ["error"]}))
        self.assertEqual(self.outcomes("job", "p"), {"ok": 20})

    def test_permanent_is_not_retried(self):
        done = self.run_job(faulty("error_permanent", retries=3), code=3)
        self.assertIn("attempt 1 fails for good", done.err)

    def test_stop(self):
        self.run_job(harness.job(areas(-1, 100000, chunk_size=1, on_failure="stop"),
                                 harness.phase("demo.square", 3, "q")), code=3)
        outcomes = self.outcomes("job", "p")
        self.assertEqual(outcomes["error"], 1)
        self.assertEqual(sum(outcomes.values()), 100001)
        self.assertEqual(self.outcomes("job", "q"), {"skipped": 3})


class Outside(harness.Rendezvous):
    def test_worker_killed(self):
        process = self.rendezvous(4)
        os.kill(self.began(0), signal.SIGKILL)
        self.write("go", "")
        done = self.end(process)
        self.assertEqual(done.code, 3, done)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 3, "crashed": 1})
        self.assertEqual([r["i"] for r in self.rows("out.csv")], ["1", "2", "3"])
        self.assertIn("SIGKILL", done.err)

    def test_killed_worker_is_retried(self):
        process = self.rendezvous(4, retries={"limit": 1, "on": ["crashed"]})
        os.kill(self.began(0), signal.SIGKILL)
        self.write("go", "")
        done = self.end(process)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 4})

    def one_is_overdue(self, *also):
        """Stops the worker of row 0, and with it what also(process) returns, until it is timed out.
        The other tasks wait for the test too, so the time limit must be long enough for that."""
        for limit in harness.time_limits(0.25, "one of four tasks is timed out"):
            process = self.rendezvous(4, timeout=f"{limit:g}s", args=["--fresh"])
            began = self.path("began-0")
            harness.until(lambda: os.path.exists(began) or process.poll() is not None,
                          "row 0 begins")
            # A limit that is too short ends the task, or even the run, before the test acts.
            with contextlib.suppress(FileNotFoundError, IndexError, ProcessLookupError):
                for pid in [int(self.read(began)), *(find(process.pid) for find in also)]:
                    os.kill(pid, signal.SIGSTOP)
            self.write("go", "")
            done = self.end(process)
            outcomes = self.outcomes("job", "p")
            if outcomes.get("timed_out") == 1:
                self.assertEqual(done.code, 3, done)
                self.assertEqual(outcomes, {"ok": 3, "timed_out": 1})
                return done
            self.again()

    def test_stopped_worker_times_out(self):
        self.one_is_overdue()

    def test_coordinator_killed(self):
        process = self.rendezvous(50)
        self.began(0)
        process.kill()
        process.wait(timeout=harness.PATIENCE)
        self.assertNothingLeft()
        process.communicate()

    def test_coordinator_killed_while_a_task_ignores_all(self):
        self.write("job.yaml", faulty("hang", at=0))
        process = self.start("job.yaml")
        harness.until(lambda: any(self.ignores_sigterm(pid) for pid in self.marked()),
                      "the task ignores SIGTERM")
        process.kill()
        process.wait(timeout=harness.PATIENCE)
        self.assertNothingLeft()
        process.communicate()

    @staticmethod
    def ignores_sigterm(pid):
        try:
            return harness.signals(pid, "SigIgn") & harness.bit(signal.SIGTERM)
        except (FileNotFoundError, ProcessLookupError):
            return False

    def squares(self, rows, output="-"):
        self.write("job.yaml", harness.job(harness.phase("demo.square", rows, output=output)))

    def test_into_head(self):
        self.squares(200000)
        reader, writer = os.pipe()
        process = self.start("job.yaml", stdout=writer)
        os.close(writer)
        head = subprocess.run(["head", "-n", "2"], stdin=reader, capture_output=True, text=True,
                              check=True)
        os.close(reader)
        done = self.end(process)
        self.assertEqual(head.stdout, "index,i,square\n0,0,0\n")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 200000})
        self.assertJournalWhole("job")

    def test_full_standard_output(self):
        self.squares(10)
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = self.batchrun("job.yaml", stdout=full)
        self.assertEqual(done.code, 1, done)
        self.assertIn("No space left on device", done.err)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 10})
        self.assertJournalWhole("job")

    def test_closed_descriptors(self):
        self.squares(1000, "out.csv")

        def close_all():
            for fd in (0, 1, 2):
                os.close(fd)

        process = self.start("job.yaml", preexec_fn=close_all)
        done = self.end(process)
        self.assertEqual(done.code, 0, done)
        self.assertEqual((done.out, done.err), ("", ""))
        self.assertEqual([int(r["square"]) for r in self.rows("out.csv")],
                         [i * i for i in range(1000)])
        self.assertEqual(self.outcomes("job", "p"), {"ok": 1000})
        self.assertJournalWhole("job")

    def test_ignored_signals_and_odd_descriptors(self):
        self.squares(100, "out.csv")

        def prepare():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))

        process = self.start("job.yaml", preexec_fn=prepare)
        self.assertEqual(self.end(process).code, 0)
        self.assertEqual(len(self.rows("out.csv")), 100)

    def has_started(self, pid, daemon):
        """Returns whether a task of the run has started a process: a daemon, which is in the session of
        a process that has ended, or a child of the worker."""
        try:
            nursery, session = self.nursery(pid), os.getsid(pid)
            for other in set(self.marked()) - {pid, nursery}:
                own = os.getsid(other)
                if own not in (session, other) if daemon else (
                        own == session and int(harness.stat(other)[1]) != nursery):
                    return True
        except (IndexError, FileNotFoundError, ProcessLookupError):
            pass  # a process that has ended meanwhile
        return False

    def test_nursery_killed(self):
        for task in ("forks", "forks_daemon"):
            with self.subTest(task=task):
                self.write("job.yaml", faulty(task, at=0))
                process = self.start("run", "--fresh", "job.yaml")
                harness.until(lambda: self.has_started(process.pid, task == "forks_daemon"),
                              "the task forks")
                os.kill(self.nursery(process.pid), signal.SIGKILL)
                done = self.end(process)
                self.assertEqual(done.code, 1, done)
                self.assertIn("all workers are gone", done.err)

    def test_stopped_nursery_still_ends_what_is_overdue(self):
        self.assertNotIn("no longer used", self.one_is_overdue(self.nursery).err)

    def test_stopped_nursery_tells_of_a_death_all_the_same(self):
        # Nobody asks the nursery for anything, and no task has a time limit.
        process = self.rendezvous(4)
        worker = self.began(0)
        os.kill(self.nursery(process.pid), signal.SIGSTOP)
        os.kill(worker, signal.SIGKILL)
        self.write("go", "")
        done = self.end(process)
        self.assertEqual(done.code, 3, done)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 3, "crashed": 1})

    def test_starting_worker_killed(self):
        process = self.rendezvous(4)
        workers = self.both_began()
        nursery = self.nursery(process.pid)
        os.kill(workers[0], signal.SIGKILL)
        # The worker that replaces it is killed too, once, while it starts or soon after.
        for pid in harness.until(lambda: set(self.children(nursery)) - set(workers),
                                 "the worker is replaced"):
            os.kill(pid, signal.SIGKILL)
        self.write("go", "")
        done = self.end(process)
        self.assertEqual(done.code, 3, done)
        self.assertEqual(sum(self.outcomes("job", "p").values()), 4)

    def test_file_size_limit(self):
        self.squares(200000, "out.csv")

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000))

        process = self.start("job.yaml", preexec_fn=limit)
        done = self.end(process)
        self.assertEqual(done.code, 5, done)
        self.assertIn("ulimit -f", done.err) # of the journal or of a worker's memory
        self.assertFalse(os.path.exists(self.path("out.csv")), "half a result file")

    @unittest.skipUnless(os.geteuid() == 0, "mounting a small file system takes root")
    def test_full_disk(self):
        small = self.path("small")
        os.mkdir(small)
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small],
                               capture_output=True, text=True)
        if mount.returncode != 0:
            self.skipTest(mount.stderr.strip())
        try:
            self.squares(200000, "small/out.csv")
            done = self.batchrun("job.yaml")
            self.assertIn(done.code, (1, 5), done)
            self.assertIn("No space left on device", done.err)
            self.assertEqual(os.listdir(small), [], "half a result file, or a temporary one")
        finally:
            subprocess.run(["umount", small], check=True)


if __name__ == "__main__":
    harness.main()
