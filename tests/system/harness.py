# SPDX-License-Identifier: BSD-3-Clause
"""Shared by the system tests: they run batchrun as a person does, in a directory of their own, and
check that it leaves no process and no file.

No test depends on speed. A test waits for the event that it needs, with until(), and asserts that
something happens, never how soon; figure() prints the seconds instead."""
import atexit
import contextlib
import csv
import itertools
import json
import os
import re
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

# Seconds after which a test gives up. There is no other limit, and only tests that hang reach this one.
PATIENCE = (float(os.environ.get("BATCHRUN_TEST_PATIENCE") or 600) *
            (20 if os.environ.get("BATCHRUN_LONG") else 1))


class Done:
    """A program that ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


# ---- Waiting

def until(condition, what):
    """Returns what condition() returns, as soon as that is true. Calls it again and again, because
    other processes do not announce their actions. `what` describes the condition if the test fails."""
    end = time.monotonic() + PATIENCE
    pause = 0.001
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"gave up after {PATIENCE:g} s of waiting for: {what}")
        time.sleep(pause)
        pause = min(1.5 * pause, 0.05)


def time_limits(first, what):
    """Yields longer and longer durations in seconds, from `first`, until the caller leaves its loop.
    For tests that need a time limit which one task exceeds and the others do not: how long the
    others take depends on the machine, so the loop continues while they exceed it, too."""
    end = time.monotonic() + PATIENCE
    for power in itertools.count():
        if time.monotonic() > end:
            raise AssertionError(f"with no time limit up to {first * 2 ** power:g} s: {what}")
        yield first * 2 ** power


FIGURES = {}


def figure(what, seconds):
    """Notes how long something took. The end of the log shows the longest time of each kind."""
    FIGURES[what] = max(seconds, FIGURES.get(what, 0))


@contextlib.contextmanager
def timed(what):
    """Notes how long a `with` block takes."""
    began = time.monotonic()
    yield
    figure(what, time.monotonic() - began)


# ---- Processes

def stat(pid):
    """Returns the fields of /proc/PID/stat from the third on, which is the state."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def is_stopped(pid):
    return stat(pid)[0] in "Tt"


def stop(pid):
    """Stops a process with SIGSTOP, and waits until it has stopped."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: is_stopped(pid), f"process {pid} stops")


def signals(pid, field):
    """Returns a set of signals in /proc/PID/status, such as SigCgt, as a number with a bit for each."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1], 16)
    raise AssertionError(f"no {field} of process {pid}")


def bit(number):
    return 1 << (number - 1)


# ---- Job files

def job(*phases, workers=1, name="job", plugins=("demo", "faulty"), **keys):
    """Returns the text of a job file. It is JSON, which is YAML. A number of workers means as many
    processes, not bound to cores, even if there are fewer cores, which may take as long to start as
    the test waits; None leaves the key out."""
    if isinstance(workers, int):
        workers = {"count": workers, "binding": "none", "oversubscribe": True,
                   "start_timeout": f"{round(PATIENCE)}s"}
    text = {"version": 1, "name": name, "workers": workers, "plugins": list(plugins), **keys,
            "phases": list(phases)}
    return json.dumps({key: value for key, value in text.items() if value is not None},
                      indent=1) + "\n"


def phase(task, inputs, name="p", **keys):
    """Returns a phase for job(). If the inputs are a number, they are a range."""
    inputs = {"range": inputs} if isinstance(inputs, int) else inputs
    return {"name": name, "task": task, "inputs": inputs, **keys}


def remove(directory):
    try:
        os.rmdir(directory)
        return True
    except OSError:
        return False


class Case(unittest.TestCase):
    """Each test has an empty directory, self.dir, for its job files and runs."""

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
        """Returns the number of tasks of a phase with each outcome, without zeros."""
        for entry in self.summary(run)["phases"]:
            if entry["name"] == phase:
                return {k: v for k, v in entry["outcomes"].items() if v}
        raise AssertionError(f"no phase {phase} in the summary of {run}")

    def make_group(self, path):
        """Makes a control group for this test, or skips the test. If no control groups are mounted,
        `path` may become a plain directory."""
        try:
            os.mkdir(path)
        except OSError as error:
            self.skipTest(f"no control group may be made here: {error}")
        self.addCleanup(until, lambda: remove(path), f"{path} is empty")
        if not os.path.exists(f"{path}/cgroup.procs"):
            self.skipTest(f"no control groups are mounted here: {path} is a plain directory")

    # ---- Running

    def start(self, *args, program=PROGRAM, env=None, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen([program, *args], cwd=self.dir, env=env or self.environment(),
                                encoding="utf-8", errors="replace", **kwargs)

    def wait(self, process):
        """Waits for the program to end. Returns its Done."""
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            self.fail(f"the program hung\n--- stdout\n{out}\n--- stderr\n{err}")
        return Done(process.returncode, out, err)

    def end(self, process):
        """Waits for the program to end, and checks that it left nothing. Returns its Done."""
        done = self.wait(process)
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

    def kill_after_four(self, text, command, has_four):
        """Runs the job, of whose five tasks one never ends, and kills it when four tasks have ended:
        when has_four() finds them in the file that `command` writes about the run."""
        self.write("job.yaml", text)
        process = self.start("run", "job.yaml")

        def look():
            # Not by batchrun(), which would wait for the run to end.
            done = subprocess.run([PROGRAM, command, "job.run"], cwd=self.dir, check=False,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return done.returncode == 0 and has_four()

        until(look, "four tasks are in the journal")
        process.kill()
        self.end(process)

    def assertJournalWhole(self, run):
        """Fails unless the journal can be read to its end, and its last event is the end of the run."""
        done = self.batchrun("events", run + ".run")
        self.assertEqual((done.code, done.err), (0, ""), done)
        self.assertEqual(json.loads(done.out.splitlines()[-1])["event"], "run_end")

    # ---- What is left

    def marked(self):
        """Returns the ids of all processes that this test started: their environment has its mark."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    if self.mark.encode() not in file.read().split(b"\0"):
                        continue
                if stat(entry)[0] not in "ZX":
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

    def all_end(self, done=None):
        """Waits until every process that this test started has ended."""
        with timed("processes that outlived their program"):
            until(lambda: not self.marked(), f"processes {self.marked()} end\n{done}")

    def assertNothingLeft(self, done=None):
        self.all_end(done)
        self.assertEqual(os.listdir(self.temporary), [], done)
        self.assertEqual(shared_memory() - self.shared_before, set(), done)
        for directory, _, files in os.walk(self.dir):
            for file in files:
                # Temporary files that are to be renamed begin with a dot.
                self.assertNotRegex(file, r"^\.|\.tmp|\.new$", f"{directory}/{file}\n{done}")


class Rendezvous(Case):
    """Runs whose tasks wait until the test has written the file `go`."""

    running = None  # the run that rendezvous() started

    def rendezvous(self, rows, workers=2, args=(), limits=None, env=None, preexec_fn=None, **keys):
        """Starts a run with one phase of so many such tasks; `keys` are further keys of the phase."""
        self.write("job.yaml", job(phase(
            "faulty.rendezvous", rows, args={"dir": self.dir}, output="out.csv",
            **{"chunk_size": 1, **keys}), workers=workers, limits=limits))
        self.running = self.start("run", *args, "job.yaml", env=env, preexec_fn=preexec_fn)
        return self.running

    def while_it_runs(self, condition, what):
        """Waits as until() does, but fails if the run ends before the condition is true."""
        def look():
            ended = self.running is not None and self.running.poll() is not None
            found = condition()
            if ended and not found:
                self.fail(f"the run ended before this: {what}\n{self.wait(self.running)}")
            return found
        return until(look, what)

    def began(self, row):
        """Waits until the task of this row runs; returns the process id of its worker."""
        path = self.path(f"began-{row}")
        self.while_it_runs(lambda: os.path.exists(path), f"row {row} begins")
        return int(self.read(path))

    def rows_started(self, what="began-"):
        return [int(name[6:]) for name in os.listdir(self.dir) if name.startswith(what)]

    def all_began(self, count):
        """Waits until so many tasks run at once; returns the process ids of their workers."""
        self.while_it_runs(lambda: len(self.rows_started()) >= count, f"{count} tasks begin")
        return [self.began(row) for row in self.rows_started()[:count]]

    def both_began(self):
        return self.all_began(2)

    def again(self):
        """Removes the files of a run, so that the test can start another."""
        for name in os.listdir(self.dir):
            if name.startswith(("go", "began-", "ended-")):
                os.unlink(self.path(name))
        shutil.rmtree(self.path("job.run"), ignore_errors=True)

    @staticmethod
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            return [int(child) for child in file.read().split()]

    def nursery(self, pid):
        return self.children(pid)[0]

    def says(self, process, message):
        """Waits until the program has written this message on standard error."""
        text, end = b"", time.monotonic() + PATIENCE
        while message.encode() not in text:
            ready, _, _ = select.select([process.stderr], [], [], max(0, end - time.monotonic()))
            self.assertTrue(ready, f"no `{message}` on standard error: {text}")
            block = os.read(process.stderr.fileno(), 65536)
            self.assertTrue(block, f"the program ended without `{message}`: {text}")
            text += block


def install():
    """Installs batchrun below a directory, once for all cases of a program; returns that directory."""
    if not install.root:
        install.root = tempfile.mkdtemp(prefix="batchrun-installed-")
        atexit.register(shutil.rmtree, install.root, ignore_errors=True)
        # This make must not know the job server, flags and targets of the one that runs the tests.
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        with timed("make install"):
            done = subprocess.run(["make", "install", f"DESTDIR={install.root}"], cwd=BUILD, env=env,
                                  capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
    return install.root


install.root = None


class InstalledCase(Case):
    """Tests of the installed files, which are below self.root and must not be changed. self.found
    has their paths by name."""

    def setUp(self):
        super().setUp()
        self.root = install()
        self.found = {}
        for directory, _, files in os.walk(self.root):
            for name in files:
                # bash looks for a completion that has the name of the program.
                key = "bash: " + name if "bash-completion" in directory else name
                self.found[key] = os.path.join(directory, name)
        self.pkg_config = dict(
            os.environ, PKG_CONFIG_SYSROOT_DIR=self.root,
            PKG_CONFIG_PATH=os.path.dirname(self.found["batchrun.pc"]),
            PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1")


def configured():
    """Returns the text of config.h."""
    with open(os.path.join(BUILD, "config.h"), encoding="utf-8") as file:
        return file.read()


def sanitized():
    """Returns whether the build has sanitizers, which do not work beside others in a process."""
    return '#define BR_SANITIZERS ""' not in configured()


def shared_memory():
    """Returns the names of batchrun's shared memory, without those of other programs."""
    return {f for f in os.listdir("/dev/shm") if "batchrun" in f or f.startswith("br_")}


def read_npy(path):
    """Returns a structured array of whole numbers, floating-point numbers and truth values, as dicts."""
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


# ---- Running the tests

class Result(unittest.TextTestResult):
    """Prints how long each case took, and the figures, before the failures."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.seconds = {}

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        self.seconds[name_of(test)] = time.monotonic() - self.began
        super().stopTest(test)

    def printErrors(self):
        print(file=sys.stderr)
        for name, seconds in sorted(self.seconds.items(), key=lambda item: -item[1]):
            print(f"{seconds:8.3f} s  {name}", file=sys.stderr)
        for what, seconds in sorted(FIGURES.items()):
            print(f"figure: {what}: at most {seconds:.3f} s", file=sys.stderr)
        super().printErrors()


def name_of(test):
    """Returns CLASS.METHOD of a test or of one of its subtests; CLASS if the class's set-up failed."""
    test = getattr(test, "test_case", test)
    found = re.search(r"\(__main__\.(\w+)\)", test.id())
    return found.group(1) if found else test.id().partition(".")[2]


def main():
    """Runs the tests of the calling module: all, those that the command line names, or those that
    the environment variable CASE names, as `make check-one` sets it."""
    if not os.access(PROGRAM, os.X_OK):
        print(f"{PROGRAM} is not built")
        sys.exit(1)
    argv = sys.argv if len(sys.argv) > 1 else sys.argv + os.environ.get("CASE", "").split()
    result = unittest.main(module="__main__", argv=argv, exit=False, testRunner=unittest.TextTestRunner(
        verbosity=2, resultclass=Result)).result
    script = os.path.relpath(os.path.abspath(sys.argv[0]), os.path.join(TOP, "tests"))
    for name in dict.fromkeys(name_of(test) for test, _ in result.failures + result.errors):
        print(f"run it alone: make check-one T={script} CASE={name}", file=sys.stderr)
    sys.exit(not result.wasSuccessful())
