# SPDX-License-Identifier: BSD-3-Clause
"""Signals that stop a run, in any order, and signals that do not."""
import os
import shlex
import signal
import time

import harness
from harness import bit, signals

DAY = 24 * 60 * 60  # the preloaded wall clock is set forward or back by so many seconds


class Stopping(harness.Rendezvous):
    def taken(self, process, number):
        """Waits until the program has handled a signal about which it prints nothing."""
        harness.until(lambda: not signals(process.pid, "ShdPnd") & bit(number),
                      f"{number.name} is taken")

    def test_what_runs_is_finished(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            with self.subTest(signal=number.name):
                process = self.rendezvous(50, workers=1, args=("--grace", "1h"))
                self.began(0)
                process.send_signal(number)
                self.says(process, number.name)
                self.write("go", "")
                done = self.end(process)
                self.assertEqual(done.code, 5, done)
                outcomes = self.outcomes("job", "p")
                self.assertEqual(outcomes["ok"] + outcomes["skipped"], 50, outcomes)
                self.assertGreaterEqual(outcomes["skipped"], 40, outcomes)
                self.assertEqual(self.summary("job")["reason"], "interrupted by " + number.name)
                self.assertFalse(os.path.exists(self.path("out.csv")), "it would look whole")
                self.again()

    def test_second_interrupt_kills(self):
        for first in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(first=first.name):
                process = self.rendezvous(50, args=("--grace", "1h"))
                self.both_began()
                process.send_signal(first)
                self.says(process, first.name)
                process.send_signal(signal.SIGINT)
                done = self.end(process)
                self.assertEqual(done.code, 5, done)
                self.assertEqual(self.outcomes("job", "p"), {"cancelled": 2, "skipped": 48})
                self.assertJournalWhole("job")
                self.write("go", "")
                self.again()

    def test_other_signals_may_come_twice(self):
        process = self.rendezvous(50, workers=1, args=("--grace", "1h"))
        self.began(0)
        process.send_signal(signal.SIGTERM)
        self.says(process, "SIGTERM")
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
            process.send_signal(number)
            self.taken(process, number)
        self.write("go", "")
        self.assertEqual(self.end(process).code, 5)
        self.assertNotIn("cancelled", self.outcomes("job", "p"))

    def test_sent_to_every_process(self):
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT):
            with self.subTest(signal=number.name):
                process = self.rendezvous(50, args=("--grace", "1h"))
                workers = self.both_began()
                for pid in [*workers, self.nursery(process.pid), process.pid]:
                    os.kill(pid, number)
                self.says(process, number.name)
                self.write("go", "")
                done = self.end(process)
                self.assertEqual(done.code, 5, done)
                self.assertEqual(set(self.outcomes("job", "p")), {"ok", "skipped"})
                self.again()

    def test_grace_ends(self):
        process = self.rendezvous(50, env=self.environment(BATCHRUN_GRACE="100ms"))
        self.both_began()
        process.send_signal(signal.SIGTERM)
        done = self.end(process)
        self.assertEqual(done.code, 5, done)
        self.assertIn("running tasks have 100 ms", done.err)
        self.assertEqual(self.outcomes("job", "p"), {"cancelled": 2, "skipped": 48})

    def test_the_command_that_goes_on_with_it(self):
        os.mkdir(self.path("run here"))
        process = self.rendezvous(20, args=("--grace", "1h", "--fresh", "--dir", "run here", "--set",
                                            "phases.p.chunk_size=2"))
        self.both_began()
        process.send_signal(signal.SIGINT)
        self.says(process, "SIGINT")
        self.write("go", "")
        done = self.end(process)
        self.assertEqual(done.code, 5, done)
        command = done.err.splitlines()[-1].partition("to resume: ")[2]
        self.assertEqual(command, "batchrun run --resume --grace 1h --dir 'run here' --set "
                         "phases.p.chunk_size=2 job.yaml")
        done = self.batchrun(*shlex.split(command)[1:])
        self.assertEqual(done.code, 0, done)
        self.assertNotIn("to resume", done.err)
        self.assertEqual([int(row["i"]) for row in self.rows("out.csv")], list(range(20)))

    def test_nothing_left_to_stop(self):
        process = self.rendezvous(2, args=("--grace", "1h"))
        self.both_began()
        process.send_signal(signal.SIGTERM)
        self.says(process, "SIGTERM")
        self.write("go", "")
        done = self.end(process)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(len(self.rows("out.csv")), 2)

    def test_while_the_run_is_prepared(self):
        self.write("job.yaml", harness.job(harness.phase("demo.greet",
                                                         {"matrix": {"name": {"lines": "-"}}})))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            with self.subTest(signal=number.name):
                reader, writer = os.pipe()
                process = self.start("job.yaml", stdin=reader)
                os.close(reader)
                harness.until(lambda: signals(process.pid, "SigCgt") & bit(number),
                              "the run is being prepared")
                process.send_signal(number)
                done = self.end(process)
                os.close(writer)
                self.assertEqual(done.code, 5, done)
                self.assertEqual(done.err, f"batchrun: interrupted by {number.name} before the run "
                                 "started: no task was run\n")
                self.assertFalse(os.path.exists(self.path("job.run")))

    def test_grace_is_a_duration(self):
        for text in ("10", "soon", "-1s"):
            done = self.batchrun("run", "--grace", text, "job.yaml")
            self.assertEqual(done.code, 2, done)
            self.assertIn("--grace " + text, done.err)


class Allocation(harness.Rendezvous):
    """Returns SLURM_JOB_END_TIME as Slurm sets it. batchrun uses the last CLOSING seconds before that
    time to end the run."""
    CLOSING = 5
    HOUR = 3600

    def ends_in(self, seconds):
        return self.environment(SLURM_JOB_END_TIME=str(int(time.time() + seconds)))

    def interrupted(self, process):
        done = self.end(process)
        self.assertEqual(done.code, 5, done)
        self.assertEqual(self.summary("job")["reason"],
                         "interrupted by the end of the Slurm allocation")
        self.assertIn("the Slurm allocation", done.err)
        return done

    def test_what_does_not_fit_is_not_started(self):
        process = self.rendezvous(20, expected_time="40h", env=self.ends_in(20 * self.HOUR))
        self.interrupted(process)
        self.assertEqual(self.outcomes("job", "p"), {"skipped": 20})

    def test_what_fits_is_run(self):
        self.write("go", "")
        process = self.rendezvous(20, expected_time="1h", env=self.ends_in(20 * self.HOUR))
        self.assertEqual(self.end(process).code, 0)

    def test_other_phases_go_on(self):
        self.run_job("""version: 1
plugins: [demo]
defaults: {mode: async}
phases:
  - {name: long, task: demo.square, inputs: {range: 10}, expected_time: 40h}
  - {name: short, task: demo.square, inputs: {range: 10}, expected_time: 1s}
  - {name: after, task: demo.square, inputs: {from: long}}
  - {name: unknown, task: demo.square, inputs: {range: 10}}
""", code=5, env=self.ends_in(20 * self.HOUR))
        for phase, outcomes in (("long", {"skipped": 10}), ("short", {"ok": 10}), ("after", {}),
                                ("unknown", {"ok": 10})):
            self.assertEqual(self.outcomes("job", phase), outcomes, phase)

    def one_runs(self, grace, seconds):
        """Starts a run of which one task runs when the time to start tasks is over. That time is
        chosen to be long enough; a run without a task ends at once."""
        for longer in harness.time_limits(1, "a task begins"):
            ends = self.ends_in(seconds + self.CLOSING + 1 + longer)
            process = self.rendezvous(50, workers=1, env=ends, args=("--fresh", "--grace", grace))
            harness.until(lambda: self.rows_started() or process.poll() is not None, "a task begins")
            if self.rows_started():
                return process
            self.interrupted(process)

    def test_what_runs_may_end_within_the_grace(self):
        process = self.one_runs("1h", self.HOUR)
        self.says(process, "the Slurm allocation ends soon")
        self.write("go", "")
        self.assertEqual(self.end(process).code, 5)
        self.assertEqual(self.summary("job")["reason"],
                         "interrupted by the end of the Slurm allocation")
        outcomes = self.outcomes("job", "p")
        self.assertNotIn("cancelled", outcomes)
        self.assertEqual(outcomes["ok"] + outcomes["skipped"], 50)

    def test_what_still_runs_is_killed(self):
        self.interrupted(self.one_runs("1ms", 0))
        self.assertEqual(self.outcomes("job", "p"), {"cancelled": 1, "skipped": 49})

    def test_that_is_over(self):
        self.interrupted(self.rendezvous(5, env=self.ends_in(-100)))
        self.assertEqual(self.outcomes("job", "p"), {"skipped": 5})

    def test_reduction_that_does_not_fit(self):
        # The rows fit. Their reduction does not: its request is the grace.
        self.run_job("""version: 1
plugins: [demo]
phases:
  - {name: p, task: demo.area, inputs: {range: {stop: 100, as: r}}, expected_time: 1s,
     reduce: {task: demo.total, fan_in: 2}}
""", "--grace", "40h", code=5, env=self.ends_in(20 * self.HOUR))
        self.assertEqual(self.outcomes("job", "p"), {"ok": 100})
        self.assertFalse(os.path.exists(self.path("job.run/results/p.csv")))

    def test_no_time(self):
        process = self.rendezvous(5, env=self.environment(SLURM_JOB_END_TIME="tomorrow"))
        done = self.end(process)
        self.assertEqual(done.code, 2, done)
        self.assertIn('SLURM_JOB_END_TIME is "tomorrow"', done.err)


class Harmless(harness.Rendezvous):
    def test_nohup(self):
        process = self.rendezvous(
            4, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.began(0)
        process.send_signal(signal.SIGHUP)
        self.write("go", "")
        self.assertEqual(self.end(process).code, 0)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 4})

    def test_storm(self):
        process = self.rendezvous(20)
        self.both_began()
        for _ in range(200):
            for number in (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT, signal.SIGCHLD,
                           signal.SIGPIPE, signal.SIGURG):
                process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        self.write("go", "")
        done = self.end(process)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 20})

    def test_stopped_for_longer_than_a_timeout(self):
        for limit in harness.time_limits(0.25, "both tasks begin within it"):
            process = self.rendezvous(2, timeout=f"{limit:g}s", args=["--fresh"])
            harness.until(lambda: len(self.rows_started()) == 2 or process.poll() is not None,
                          "both tasks begin")
            if process.poll() is None:
                harness.stop(process.pid)
                end = time.monotonic() + 1.1 * limit
                self.write("go", "")
                harness.until(lambda: len(self.rows_started("ended-")) == 2, "both tasks end")
                harness.until(lambda: time.monotonic() > end, "they would be overdue")
                process.send_signal(signal.SIGCONT)
            done = self.end(process)
            if done.code == 0:
                break
            self.again()
        self.assertEqual(self.outcomes("job", "p"), {"ok": 2})

    def test_wall_clock_is_set(self):
        clock = os.path.join(harness.BUILD, "tests/system/.libs/wall_clock.so")
        self.assertTrue(os.path.exists(clock))
        options = os.environ.get("ASAN_OPTIONS", "")
        env = self.environment(LD_PRELOAD=clock, ASAN_OPTIONS=options + ":verify_asan_link_order=0")
        for limit in harness.time_limits(0.1, "one of two tasks is timed out"):
            self.run_job("""version: 1
name: job
plugins: [demo, faulty]
workers: {count: 2, binding: none, oversubscribe: true}
defaults: {mode: async, chunk_size: 1}
phases:
  - {name: quick, task: demo.sleep, inputs: {range: 50}, args: {seconds: 0.001}, timeout: 10h}
  - {name: hangs, task: faulty.hang, inputs: {range: 2}, args: {at: 0}, timeout: %gs}
  - {name: again, task: faulty.error_first, inputs: {range: 4}, args: {at: 1},
     retries: {limit: 1, backoff: {delay: 10ms}}}
""" % limit, "--fresh", code=3, env=env)
            if self.outcomes("job", "hangs") == {"ok": 1, "timed_out": 1}:
                break
        self.assertEqual(self.outcomes("job", "quick"), {"ok": 50})
        self.assertEqual(self.outcomes("job", "again"), {"ok": 4})
        for phase in self.summary("job")["phases"]:
            self.assertLess(phase["end_seconds"], DAY / 2)


if __name__ == "__main__":
    harness.main()
