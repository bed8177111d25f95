# SPDX-License-Identifier: BSD-3-Clause
"""A plugin's file that cannot be used is an error before the run, and changes to the file during the
run do no harm."""
import os
import shutil
import signal

import harness

BUILT = os.path.join(harness.BUILD, "tests/plugins/.libs")


class Files(harness.Rendezvous):
    def plugin(self, name, folder="."):
        """Returns the path of a copy of a test plugin in a folder of this test."""
        os.makedirs(self.path(folder), exist_ok=True)
        return shutil.copy(os.path.join(BUILT, name + ".so"),
                           os.path.normpath(self.path(os.path.join(folder, name + ".so"))))

    def job(self, name, task, **keys):
        inputs = {"range": {"stop": 4, "as": "i"}}
        self.write("job.yaml", harness.job(harness.phase(f"{name}.{task}", inputs, **keys),
                                           plugins=[{"name": name, "path": f"./{name}.so"}]))

    def refused(self, *words):
        """Neither check nor run accepts the plugin, and both give the reason."""
        for command in ("check", "run"):
            done = self.batchrun(command, "job.yaml")
            self.assertEqual(done.code, 4, done)
            for word in words:
                self.assertIn(word, done.err)
        self.assertFalse(os.path.exists(self.path("job.run")))

    def test_overwritten_while_it_runs(self):
        path = self.plugin("faulty")
        self.job("faulty", "rendezvous", args={"dir": self.dir}, chunk_size=1,
                 retries={"limit": 1, "on": ["crashed"]})
        process = self.running = self.start("job.yaml")
        worker = self.began(0)
        with open(path, "r+b") as file:  # in place, as `cp` does it
            size = os.fstat(file.fileno()).st_size
            file.write(b"\xcc" * size)
            file.truncate(size // 2)
        os.kill(worker, signal.SIGKILL)  # the next one has to load the plugin
        self.write("go", "")
        done = self.end(process)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.outcomes("job", "p"), {"ok": 4})

    def test_writable_by_everyone(self):
        path = self.plugin("faulty")
        self.job("faulty", "error", args={"at": -1})
        os.chmod(path, 0o757)
        self.refused("writable by everyone", f"chmod o-w {path}")
        os.chmod(path, 0o755)
        os.chmod(self.dir, 0o703)
        self.refused(f"{self.dir} is writable by everyone", f"chmod o-w {self.dir}")
        os.chmod(self.dir, 0o700)
        self.assertEqual(self.batchrun("job.yaml").code, 0)

    def test_torn(self):
        path = self.plugin("faulty")
        self.job("faulty", "error", args={"at": -1})
        size = os.path.getsize(path)
        for part in (0, 10, size // 16, size // 8):  # the rest is debugging information
            with self.subTest(size=part):
                shutil.copy(os.path.join(BUILT, "faulty.so"), path)
                os.truncate(path, part)
                self.refused(path)

    def test_constructor_crashes(self):
        self.plugin("constructor_crashes")
        self.job("constructor_crashes", "nothing")
        self.refused("crashed while it was loaded")

    def test_constructor_exits(self):
        self.plugin("misloaded")
        self.job("misloaded", "nothing")
        env = self.environment(MISLOADED="exit")
        done = self.batchrun("check", "job.yaml", env=env)
        self.assertEqual(done.code, 4, done)
        self.assertIn("it called exit(0) while it was loaded", done.err)

    def test_wrong_abi(self):
        self.plugin("future_abi")
        self.job("future_abi", "nothing")
        self.refused("plugin ABI", "build it again")

    def test_missing_symbol(self):
        self.plugin("unresolved")
        self.job("unresolved", "call")
        self.refused("cannot be loaded as a plugin", "undefined symbol: in_no_library")

    def test_wrong_signature(self):
        self.plugin("missigned")
        self.job("missigned", "nothing")
        self.refused("the signature \"i:i46 -> y:i64\" of task `nothing`: ", "i46")

    def test_another_users(self):
        path = self.plugin("faulty")
        self.job("faulty", "error", args={"at": -1})
        if os.geteuid() != 0:
            self.skipTest("giving files away takes root")
        os.chown(path, 4711, -1)
        self.refused("belongs to user 4711", "copy the plugin to a folder of your own")

    def test_no_plugin(self):
        self.plugin("not_a_plugin")
        self.job("not_a_plugin", "nothing")
        self.refused("not a batchrun plugin")

    def test_no_such_task(self):
        self.plugin("faulty")
        self.job("faulty", "eror", args={"at": -1})
        self.refused("has no task `eror`; did you mean `error`?")


if __name__ == "__main__":
    harness.main()
