# SPDX-License-Identifier: BSD-3-Clause
"""A run's disk fails, or its journal is cut or damaged; then the run is resumed. Each test run tries
some of the places where that can happen, and all of them with BATCHRUN_LONG=1."""
import os
import shutil
import subprocess
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "system"))
from harness import PROGRAM, main  # noqa: E402
from journal import Story, records  # noqa: E402
from resuming import LONG, Resuming  # noqa: E402


def can_trace():
    """Returns whether strace is installed, may trace, and can inject errors."""
    try:
        return subprocess.run(["strace", "-o", "/dev/null", "-e", "inject=getuid:error=EPERM", "true"],
                              capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def some(things, count):
    """Returns about `count` of the things, at equal distances; all of them with BATCHRUN_LONG=1."""
    things = list(things)
    return things if LONG else things[::max(1, len(things) // count)]


class Disturbed(Resuming):
    def traced(self, *strace):
        """Runs the job under strace; returns the output of strace."""
        log = os.path.join(self.temporary, "strace")
        process = self.start("-o", log, *strace, PROGRAM, "run", "--journal=batch", "job.yaml",
                             program="strace",
                             # Leaks cannot be looked for in a process that is traced.
                             env=self.environment(ASAN_OPTIONS="detect_leaks=0"))
        done = self.wait(process)
        self.code, self.err = done.code, done.err
        self.all_end()
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()
        os.unlink(log)
        return text

    def resume_and_compare(self, reference):
        if os.path.exists(self.path("job.run/journal")):
            self.check_resumed()
        else:
            done = self.batchrun("run", "--resume", "job.yaml")
            self.assertEqual(done.code, 3, done)
        self.assertEqual(self.results(), reference)
        self.start_over()

    @unittest.skipUnless(can_trace(), "strace cannot inject here")
    def test_a_disk_that_fails(self):
        reference = self.reference()
        journal = self.path("job.run/journal")
        for call, error in (("write", "ENOSPC"), ("write", "EIO"), ("fdatasync", "EIO"),
                            ("fallocate", "ENOSPC"), ("write", "ESTALE")):
            for when in ((1, 2, 3, 10, "2+") if LONG else (1, "2+")):
                with self.subTest(call=call, error=error, when=when):
                    # strace does not follow a path that does not exist yet, so all calls are traced.
                    path = ["-P", journal] if call == "write" else []
                    text = self.traced("-y", *path, "-e", f"trace={call}", "-e",
                                       f"inject={call}:error={error}:when={when}")
                    if "INJECTED" not in text:
                        self.assertEqual(self.code, 3, self.err)
                    elif os.path.exists(journal):
                        self.assertEqual(self.code, 5, self.err)
                        # A failed task makes batchrun reserve space for its log.
                        logs = "|job.run/logs" if call == "fallocate" else ""
                        self.assertRegex(self.err, "the journal" + logs)
                        if "the journal" in self.err: # it is never written again
                            later = text[text.index("INJECTED"):].split("\n", 1)[1]
                            self.assertNotIn("journal>", later)
                    self.resume_and_compare(reference)
                    self.went_well(call, error, f"exit {self.code}" if "INJECTED" in text else "-")

    def test_interrupted_calls_are_made_again(self):
        if not can_trace():
            self.skipTest("strace cannot inject here")
        reference = self.reference()
        for call, when in (("write", "2+3"), ("fallocate", "1")):
            text = self.traced("-e", f"trace={call}", "-e",
                               f"inject={call}:error=EINTR:when={when}")
            self.assertIn("INJECTED", text)
            self.assertEqual(self.code, 3, self.err)
            self.assertEqual(self.results(), reference)
            self.start_over()

    # ---- The journal

    def with_journal(self, data, reference):
        """Resumes a copy of the run that has this journal."""
        shutil.rmtree(self.path("job.run"), ignore_errors=True)
        shutil.copytree(self.path("kept"), self.path("job.run"))
        with open(self.path("job.run/journal"), "wb") as file:
            file.write(data)
        done = self.batchrun("run", "--resume", "job.yaml")
        if done.code != 2:
            self.assertEqual(done.code, 3, done)
            self.assertEqual(Story(self.path("job.run/journal")).twice, [])
            self.assertEqual(self.results(), reference)
        if os.path.exists(self.tally):
            os.unlink(self.tally)
        self.went_well(f"exit {done.code}")
        return done

    def cut_off(self):
        """Kills a run half-way; returns its journal."""
        self.kill_after(300, "coordinator", "--journal=batch")
        os.rename(self.path("job.run"), self.path("kept"))
        with open(self.path("kept/journal"), "rb") as file:
            return file.read()

    def test_a_journal_cut_anywhere(self):
        reference = self.reference()
        journal = self.cut_off()
        ends = [at + size for at, size in records(journal)]
        near = {end + off for end in ends for off in (-1, 0, 1)}
        cuts = range(len(journal) + 1) if LONG else some(sorted(near) + [0, 7, 63, 64, 65], 30)
        for cut in cuts:
            if cut <= len(journal):
                with self.subTest(cut=cut):
                    self.assertEqual(self.with_journal(journal[:cut], reference).code, 3)

    def test_a_journal_damaged_anywhere(self):
        reference = self.reference()
        journal = self.cut_off()
        last = [at for at, _ in records(journal)][-1]
        for at in some(range(len(journal)), 30):
            with self.subTest(at=at):
                flipped = bytearray(journal)
                flipped[at] ^= 1 << at % 8
                done = self.with_journal(bytes(flipped), reference)
                self.assertEqual(done.code, 3 if at >= last else 2, done)
                if at < last:
                    self.assertIn("the journal job.run/journal", done.err)

    def test_garbage_after_the_end(self):
        reference = self.reference()
        journal = self.cut_off()
        first = next(size for at, size in records(journal))
        for garbage, code in ((b"\0" * 4096, 3), (os.urandom(1000), 3), (b"\xb5Rec" * 100, 3),
                              (journal[64:64 + first], 2)):  # one of its own records, out of order
            with self.subTest(garbage=garbage[:8]):
                done = self.with_journal(journal + garbage, reference)
                self.assertEqual(done.code, code, done)


if __name__ == "__main__":
    main()
