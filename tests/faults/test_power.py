# SPDX-License-Identifier: BSD-3-Clause
"""The power fails, and all data that the file system had not written is lost. Then the run is resumed.
An ext4 file system in a file is shut down in the middle of a run and mounted again, which needs root.
Each test run tries a few moments, and 200 with BATCHRUN_LONG=1."""
import os
import shutil
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "system"))
from harness import main  # noqa: E402
from resuming import LONG, OTHERS, ROWS, Resuming  # noqa: E402

TASKS = 500  # about the number of tasks that run, counting those that run twice
LOSSES = 200 if LONG else 6


class Power(Resuming):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
            self.skipTest("needs root, and mkfs.ext4")
        self.image = os.path.join(self.dir, "image")
        self.dir = os.path.join(self.dir, "disk")  # where jobs and runs are, from now on
        os.mkdir(self.dir)
        with open(self.image, "wb") as file:
            file.truncate(64 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        self.mount()
        self.addCleanup(subprocess.run, ["umount", "-l", self.dir], check=False,
                        stderr=subprocess.DEVNULL)
        self.write("job.yaml", self.job(ROWS, *OTHERS))
        os.sync()

    def mount(self):
        done = subprocess.run(["mount", "-o", "loop", self.image, self.dir], check=False,
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"no file system may be mounted here: {done.stderr}")

    def lose_power(self, tasks):
        process = self.start("run", "job.yaml", env=self.environment(
            KILL_AT=str(tasks), KILL="power", DISK=self.dir))
        done = self.wait(process)
        self.all_end()
        self.assertGreaterEqual(done.code, 0, done)
        subprocess.run(["umount", self.dir], check=True)
        self.mount()

    def test_power_fails(self):
        reference = self.reference()
        for loss in range(LOSSES):
            tasks = 1 + loss * TASKS // LOSSES
            with self.subTest(tasks=tasks):
                self.lose_power(tasks)
                if os.path.exists(self.path("job.run/journal")):
                    self.check_resumed()
                else:
                    self.assertEqual(self.batchrun("run", "--resume", "job.yaml").code, 3)
                self.assertEqual(self.results(), reference)
                self.went_well("power lost")
                self.start_over()
                for name in os.listdir(self.dir):
                    if name.startswith("done-"):
                        shutil.rmtree(self.path(name))


if __name__ == "__main__":
    main()
