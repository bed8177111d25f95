# SPDX-License-Identifier: BSD-3-Clause
"""What the system tests share: the program as a person runs it, in a directory of its own, and a
look at what it leaves behind."""
import csv
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.environ.get("srcdir", os.path.join(HERE, "../..")))
BUILD = os.path.abspath(os.environ.get("builddir", os.getcwd()))
PROGRAM = os.environ.get("BATCHRUN", os.path.join(BUILD, "tools/batchrun/batchrun"))
PLUGINS = [os.path.join(BUILD, "plugins/.libs"), os.path.join(BUILD, "tests/plugins/.libs")]
CONFIGS = os.path.join(TOP, "configs")

PATIENCE = 120  # seconds after which a program counts as hung, on the slowest machine


class Done:
    """A program that ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def until(condition, seconds, what):
    """Looks again and again: for events of other processes, which nothing announces."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.005)


def remove(directory):
    try:
        os.rmdir(directory)
        return True
    except OSError:
        return False


class Case(unittest.TestCase):
    """Each test has an empty directory, self.dir, where its job files and runs are."""

    maxDiff = 4000

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="batchrun-test-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.temporary = os.path.join(self.dir, "tmp")
        os.mkdir(self.temporary)
        self.mark = "BATCHRUN_TEST_MARK=" + uuid.uuid4().hex
        self.shared_before = shared_memory()
        self.addCleanup(self.kill_marked)

    def environment(self, **changes):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("BATCHRUN_", "SLURM_", "OMP_"))}
        env["BATCHRUN_PLUGIN_PATH"] = ":".join(PLUGINS)
        env["TMPDIR"] = self.temporary
        env["LC_ALL"] = "C"
        name, value = self.mark.split("=")
        env[name] = value
        for key, value in changes.items():
            if value is None:
                env.pop(key, None)
            else:
                env[key] = value
        return env

    # ---- Files

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8", newline="") as file:
            return file.read()

    def copy_config(self, name):
        return shutil.copy(os.path.join(CONFIGS, name), self.path(name))

    def rows(self, name):
        with open(self.path(name), encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def summary(self, run):
        return json.loads(self.read(run + ".run/summary.json"))

    def outcomes(self, run, phase):
        """How many tasks of a phase ended how, without the zeros."""
        for entry in self.summary(run)["phases"]:
            if entry["name"] == phase:
                return {k: v for k, v in entry["outcomes"].items() if v}
        raise AssertionError(f"no phase {phase} in the summary of {run}")

    def make_group(self, path):
        """A control group for this test, where one may be made: the directory may well be a plain one."""
        try:
            os.mkdir(path)
        except OSError as error:
            self.skipTest(f"no control group may be made here: {error}")
        self.addCleanup(until, lambda: remove(path), PATIENCE, f"{path} is empty")
        if not os.path.exists(f"{path}/cgroup.procs"):
            self.skipTest(f"no control groups are mounted here: {path} is a plain directory")

    # ---- Running

    def start(self, *args, program=PROGRAM, env=None, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen([program, *args], cwd=self.dir, env=env or self.environment(),
                                encoding="utf-8", errors="replace", **kwargs)

    def end(self, process, left=()):
        """Waits for the program and checks that nothing of it is left."""
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            self.fail(f"the program hung\n--- stdout\n{out}\n--- stderr\n{err}")
        done = Done(process.returncode, out, err)
        for sanitizer in ("AddressSanitizer", "LeakSanitizer", "runtime error:"):
            self.assertNotIn(sanitizer, done.err or "", done)
        self.assertNothingLeft(done)
        return done

    def batchrun(self, *args, **kwargs):
        return self.end(self.start(*args, **kwargs))

    def run_job(self, text, *args, code=0, name="job.yaml", **kwargs):
        """Runs the job and expects this exit status."""
        self.write(name, text)
        done = self.batchrun("run", *args, name, **kwargs)
        self.assertEqual(done.code, code, done)
        return done

    def assertJournalWhole(self, run):
        """The journal can be read to its end, and the run's end is the last that it tells."""
        done = self.batchrun("events", run + ".run")
        self.assertEqual((done.code, done.err), (0, ""), done)
        self.assertEqual(json.loads(done.out.splitlines()[-1])["event"], "run_end")

    # ---- What is left

    def marked(self):
        """Processes that carry this test's mark in their environment: all that it started."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    if self.mark.encode() not in file.read().split(b"\0"):
                        continue
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    state = file.read().rpartition(")")[2].split()[0]
                if state not in "ZX":
                    found.append(int(entry))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
        return found

    def kill_marked(self):
        for pid in self.marked():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def assertNothingLeft(self, done=None):
        until(lambda: not self.marked(), 1, f"processes end ({self.marked()} did not)\n{done}")
        self.assertEqual(os.listdir(self.temporary), [], done)
        self.assertEqual(shared_memory() - self.shared_before, set(), done)
        for directory, _, files in os.walk(self.dir):
            for file in files:
                # Temporary files that are to be renamed begin with a dot.
                self.assertNotRegex(file, r"^\.|\.tmp|\.new$", f"{directory}/{file}\n{done}")


class Rendezvous(Case):
    """Runs whose tasks wait until the test has done what it is about."""

    def rendezvous(self, rows, *more, workers=2, args=(), **kwargs):
        self.write("job.yaml", "version: 1\nname: job\nplugins: [demo, faulty]\n"
                   f"workers: {{count: {workers}, binding: none, oversubscribe: true}}\n"
                   "phases:\n  - name: p\n    task: faulty.rendezvous\n"
                   f"    inputs: {{range: {rows}}}\n    args: {{dir: {json.dumps(self.dir)}}}\n"
                   "    output: out.csv\n    chunk_size: 1\n" +
                   "".join(f"    {line}\n" for line in more))
        return self.start("run", *args, "job.yaml", **kwargs)

    def began(self, row):
        path = self.path(f"began-{row}")
        until(lambda: os.path.exists(path), PATIENCE, f"row {row} begins")
        with open(path, encoding="utf-8") as file:
            return int(file.read())

    def both_began(self):
        """Waits for two tasks, whichever they are; the process ids of their workers."""
        def look():
            return [int(name[6:]) for name in os.listdir(self.dir) if name.startswith("began-")]
        until(lambda: len(look()) >= 2, PATIENCE, "two tasks begin")
        return [self.began(row) for row in look()[:2]]

    @staticmethod
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            return [int(child) for child in file.read().split()]

    def nursery(self, pid):
        return self.children(pid)[0]

    def says(self, process, word):
        """Waits until the program has said this on standard error: it has taken note."""
        said, end = b"", time.monotonic() + PATIENCE
        while word.encode() not in said:
            ready, _, _ = select.select([process.stderr], [], [], end - time.monotonic())
            self.assertTrue(ready, f"{word} was not said: {said}")
            block = os.read(process.stderr.fileno(), 65536)
            self.assertTrue(block, f"the program ended without {word}: {said}")
            said += block


class InstalledCase(Case):
    """Each test has batchrun installed below self.root; self.found are its files by name."""

    def setUp(self):
        super().setUp()
        self.root = self.path("root")
        # A make of its own: no job server, flags or targets of the one that runs the tests.
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        done = subprocess.run(["make", "install", f"DESTDIR={self.root}"], cwd=BUILD,
                              env=env, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.found = {}
        for directory, _, files in os.walk(self.root):
            for name in files:
                # bash wants its completion to be named as the program is.
                key = "bash: " + name if "bash-completion" in directory else name
                self.found[key] = os.path.join(directory, name)
        self.pkg_config = dict(
            os.environ, PKG_CONFIG_SYSROOT_DIR=self.root,
            PKG_CONFIG_PATH=os.path.dirname(self.found["batchrun.pc"]),
            PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1")


def sanitized():
    """Whether the build has sanitizers, which want to be alone in a process."""
    with open(os.path.join(BUILD, "config.h"), encoding="utf-8") as file:
        return '#define BR_SANITIZERS ""' not in file.read()


def shared_memory():
    """Named shared memory of ours; that of others comes and goes."""
    return {f for f in os.listdir("/dev/shm") if "batchrun" in f or f.startswith("br_")}


def read_npy(path):
    """A structured array of whole numbers, floating-point numbers and truth values, as dicts."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:6] != b"\x93NUMPY":
        raise ValueError("no magic")
    if data[6] == 1:
        length, start = struct.unpack_from("<H", data, 8)[0], 10
    else:
        length, start = struct.unpack_from("<I", data, 8)[0], 12
    if (start + length) % 64 != 0 or data[start + length - 1:start + length] != b"\n":
        raise ValueError("the header is not padded as the format wants")
    header = eval(data[start:start + length].decode("latin1"), {"__builtins__": {}})
    codes = {"<i8": "q", "<f8": "d", "|b1": "?"}
    names = [name for name, _ in header["descr"]]
    row = struct.Struct("<" + "".join(codes[kind] for _, kind in header["descr"]))
    body = data[start + length:]
    if header["shape"] != (len(body) // row.size,) or header["fortran_order"]:
        raise ValueError("the shape does not fit the data")
    return [dict(zip(names, values)) for values in row.iter_unpack(body)]


def main():
    """Runs the tests of the calling module."""
    if not os.access(PROGRAM, os.X_OK):
        print(f"{PROGRAM} is not built")
        sys.exit(1)
    unittest.main(module="__main__", verbosity=2)
