# SPDX-License-Identifier: BSD-3-Clause
"""Job files with errors that show only when plugins and inputs are read: each in tests/specs/unfit
gives exactly the text in NAME.expected."""
import glob
import os
import shutil

import harness

UNFIT = os.path.join(harness.TOP, "tests/specs/unfit")


class Unfit(harness.Case):
    def setUp(self):
        super().setUp()
        for path in glob.glob(UNFIT + "/*"):
            shutil.copy(path, self.dir)

    def test_messages_are_as_expected(self):
        names = sorted(os.path.basename(p)[:-len(".yaml")] for p in glob.glob(UNFIT + "/*.yaml"))
        self.assertGreater(len(names), 20)
        for name in names:
            with self.subTest(name):
                done = self.batchrun("check", name + ".yaml")
                said = done.err.replace(os.path.realpath(self.dir) + "/", "")
                self.assertEqual(said, self.read(name + ".expected"))
                self.assertIn(done.code, (2, 4))
                self.assertEqual(done.out, "")

    def test_a_run_says_the_same_and_leaves_nothing(self):
        done = self.batchrun("run", "column_misspelt.yaml")
        self.assertEqual((done.code, done.err), (4, self.read("column_misspelt.expected")))
        self.assertFalse(os.path.exists(self.path("job.run")))


if __name__ == "__main__":
    harness.main()
