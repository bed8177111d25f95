# SPDX-License-Identifier: BSD-3-Clause
"""The page that shows a run is complete, correct, and harmless whatever names the run has."""
import collections
import html.parser
import os
import re
import shutil
import struct
import subprocess
import unittest
import zlib

import harness
from harness import phase

HOSTILE = "<script>alert(1)</script>&\"'\u202e]]>"


def job(*phases):
    return harness.job(*phases, workers=3, defaults={"chunk_size": 1})


SQUARES = phase("demo.square", 5000, "squares", chunk_size="auto")
GOOD_JOB = job(SQUARES)
JOB = job(
    SQUARES,
    phase("faulty.segv", 9, "crashes", mode="async", args={"at": 4}),
    phase("faulty.error_first", 9, "flaky", mode="async", args={"at": 4},
          retries={"limit": 1, "on": ["error"], "backoff": {"delay": "50ms"}}),
    phase("faulty.print", 9, "prints", args={"at": 4}),
    phase("demo.count", {"list": {"path": [HOSTILE, "job.yaml"]}}, "counts"))
VOID = {"meta", "link"}


class Page(html.parser.HTMLParser):
    """A page's text by element; every element must be closed inside the one that it was opened in."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes = [], collections.Counter(), []
        self.pairs, self.rows, self.cell = [], collections.defaultdict(list), None
        self.section = None
        self.feed(text)
        self.close()
        if self.open:
            raise AssertionError(f"left open: {self.open}")

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.section = dict(attrs)["id"]
        if tag == "tr":
            self.rows[self.section].append([])
        if tag in ("td", "th", "dt", "dd"):
            self.cell = ""

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += attrs

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            raise AssertionError(f"</{tag}> closes {self.open} at {self.getpos()}")
        self.open.pop()
        if tag in ("td", "th"):
            self.rows[self.section][-1].append(self.cell.strip())
        elif tag in ("dt", "dd"):
            self.pairs.append(self.cell.strip())

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data

    def facts(self):
        return dict(zip(self.pairs[::2], self.pairs[1::2]))

    def table(self, section):
        head, *rows = self.rows[section]
        return [dict(zip(head, row)) for row in rows]


def count(text):
    return int(text.replace(" ", ""))


def seconds(text):
    """Returns the seconds of a text that text_duration wrote."""
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(\d+)s", text)
    if match:
        h, m, s = (int(part or 0) for part in match.groups())
        return h * 3600 + m * 60 + s
    value, unit = text.split()
    return float(value) * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}[unit]


class Report(harness.Case):
    def report(self, *args):
        done = self.batchrun("report", *args)
        self.assertEqual((done.code, done.out, done.err), (0, "job.run/report.html\n", ""), done)
        text = self.read("job.run/report.html")
        self.assertLess(len(text.encode()), 2_000_000)
        return text, Page(text)

    def check_harmless(self, text, page):
        """The page runs nothing, fetches nothing, and has no text of the run as markup."""
        self.assertEqual(page.tags["script"], 0)
        self.assertNotIn("alert(1)<", text.replace("alert(1)&lt;", ""))
        self.assertNotIn("\u202e", text)
        for name, value in page.attributes:
            self.assertFalse(name.startswith("on"), name)
            if name in ("href", "src"):
                self.assertEqual(value, "data:,")
        self.assertNotIn("url(", text)
        self.assertNotIn("@import", text)

    def test_figures_are_the_summary_s(self):
        self.run_job(JOB, code=3)
        text, page = self.report("job.run")
        self.check_harmless(text, page)
        summary, facts = self.summary("job"), page.facts()
        outcomes = collections.Counter()
        for phase in summary["phases"]:
            outcomes.update(phase["outcomes"])
        failed = sum(outcomes[o] for o in ("error", "crashed", "timed_out", "over_limit"))
        self.assertEqual(count(facts["tasks"]), sum(p["tasks"] for p in summary["phases"]))
        self.assertEqual(count(facts["succeeded"]), outcomes["ok"])
        self.assertEqual((count(facts["failed"]), failed), (3, 3))
        self.assertEqual(count(facts["retries"]), sum(p["retries"] for p in summary["phases"]))
        self.assertEqual(count(facts["workers"]), 3)
        self.assertEqual(count(facts["worker died"]), 1)
        self.assertAlmostEqual(seconds(facts["time"]) / summary["wall_seconds"], 1, delta=0.01)
        self.assertEqual(facts["host"], summary["host"])
        self.assertEqual(facts["job file"], summary["job"])
        self.assertEqual(facts["exit status"], "3")
        rows = page.table("phases")
        self.assertEqual([row["phase"] for row in rows], [p["name"] for p in summary["phases"]])
        for row, phase in zip(rows, summary["phases"]):
            self.assertEqual(row["task"], phase["task"])
            self.assertEqual(count(row["tasks"]), phase["tasks"])
            self.assertEqual(count(row["retries"]), phase["retries"])
            for outcome, number in phase["outcomes"].items():
                shown = row.get(outcome.replace("_", " "))
                self.assertEqual(count(shown) if shown else 0, number, (row, outcome))
            self.assertAlmostEqual(seconds(row["time"]) / phase["wall_seconds"], 1, delta=0.01)
            self.assertAlmostEqual(float(row["tasks/s"].replace(" ", "")),
                                   phase["tasks_per_second"], delta=0.5001)

    def test_environment(self):
        self.run_job(JOB, "--set", "workers.layout=scatter", code=3)
        text, page = self.report("job.run")
        facts = page.facts()
        self.assertEqual(facts["command"], "batchrun run --set workers.layout=scatter job.yaml")
        self.assertRegex(facts["hwloc"], r"^\d+\.\d+\.\d+ \(interface \d+\.\d+\.\d+\)$")
        self.assertRegex(facts["plugin demo"], r"/demo\.so, hash [0-9a-f]{16}$")
        # Every CPU of the machine is shown in its package and node.
        cores = text[text.index('id="cores"'):]
        self.assertLess(cores.index("<h3>package 0</h3>"), cores.index("NUMA node 0"))
        shown = re.findall(r'title="cpu (\d+): ', cores)
        self.assertLessEqual(os.sched_getaffinity(0), set(map(int, shown)))
        self.assertEqual(len(shown), len(set(shown)))

    def test_all_core_time_is_shown(self):
        self.run_job(JOB, code=3)
        _, page = self.report("job.run")
        parts = {row[0]: (float(row[1].rstrip(" %")), seconds(row[2]))
                 for row in page.rows["core-time"]}
        self.assertEqual(list(parts), ["work", "failed work", "start", "barrier", "tail", "retry",
                                       "dispatch"])
        self.assertAlmostEqual(sum(percent for percent, _ in parts.values()), 100, delta=0.001)
        summary = self.summary("job")
        self.assertAlmostEqual(sum(time for _, time in parts.values()) /
                               (summary["wall_seconds"] * 3), 1, delta=0.02)

    def test_failures_are_described(self):
        self.run_job(JOB, code=3)
        text, _ = self.report("job.run")
        for words in ("crashes#4", "SIGSEGV", "counts#0", "No such file", "i=4 at=4",
                      "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;"):
            self.assertIn(words, text)

    def test_the_newest_run_and_a_good_one(self):
        done = self.batchrun("report")
        self.assertEqual((done.code, done.out), (2, ""), done)
        self.assertIn("no run", done.err)
        self.run_job(GOOD_JOB)
        text, page = self.report()
        self.assertIn("all 5 000 tasks succeeded", text)
        self.assertNotIn('id="failures"', text)
        self.assertEqual(count(page.facts()["failed"]), 0)

    def test_a_run_that_continues_and_one_that_was_killed(self):
        naps = {"list": {"seconds": [0, 0, 0, 0, 1e6]}}
        self.kill_after_four(job(phase("demo.sleep", naps, "squares")), "report", lambda: count(
            Page(self.read("job.run/report.html")).facts()["succeeded"]) == 4)
        text, page = self.report()
        self.assertIn("the run has not ended", text)
        self.assertEqual(count(page.facts()["succeeded"]), 4)
        self.assertNotIn("resumed", page.facts())
        self.assertEqual(self.batchrun("run", "--resume", "--set",
                                       "defaults.timeout=10ms", "job.yaml").code, 3)
        text, page = self.report()
        self.assertEqual((count(page.facts()["succeeded"]), count(page.facts()["failed"])), (4, 1))
        self.assertEqual(page.facts()["resumed"], "1 time")

    def test_damage_is_reported(self):
        self.run_job(GOOD_JOB)
        with open(self.path("job.run/journal"), "r+b") as journal:
            journal.seek(200)
            journal.write(b"\xff" * 8)
        done = self.batchrun("report")
        self.assertEqual((done.code, done.out), (2, ""), done)
        self.assertIn("damaged at byte", done.err)
        self.assertFalse(os.path.exists(self.path("job.run/report.html")))


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if shutil.which(name):
            return name
    return None


@unittest.skipUnless(chromium(), "no Chromium")
class Rendered(harness.Case):
    """The page in a browser."""

    def browse(self, *args):
        home = self.path("browser")
        os.makedirs(home, exist_ok=True)
        env = dict(os.environ, HOME=home, TMPDIR=home)
        return subprocess.run(
            [chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--disable-dev-shm-usage", "--enable-logging=stderr", f"--user-data-dir={home}/data",
             *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            errors="replace", timeout=harness.PATIENCE, check=False)

    def setUp(self):
        super().setUp()
        try:
            works = self.browse("--dump-dom", "data:text/html,<p>works")
        except subprocess.TimeoutExpired:
            self.skipTest("Chromium does not come up")
        if "works" not in works.stdout:
            self.skipTest(f"Chromium does not run here: {works.stderr[-300:]}")
        self.run_job(JOB, code=3)
        self.assertEqual(self.batchrun("report").code, 0)

    def test_it_renders_without_a_word_of_complaint(self):
        for width in (390, 1600):
            for scheme, dark in (("light", 1), ("dark", 0)):
                shot = self.path(f"{width}-{scheme}.png")
                done = self.browse(f"--blink-settings=preferredColorScheme={dark}",
                                   f"--window-size={width},1200", f"--screenshot={shot}",
                                   "file://" + self.path("job.run/report.html"))
                self.assertNotIn("CONSOLE", done.stderr)
                size, corner, lines = look_at_png(shot)
                self.assertEqual(size, (width, 1200))
                self.assertEqual(sum(corner[:3]) > 3 * 128, scheme == "light", corner)
                self.assertGreater(lines, 100)

    def test_nothing_is_wider_than_the_page(self):
        """Measures the page by a script that only this copy of it has."""
        text = self.read("job.run/report.html")
        measure = ("<script>const w=document.documentElement;"
                   "const flat=[...document.querySelectorAll('svg')].filter("
                   "s=>s.getBoundingClientRect().width<100||s.getBoundingClientRect().height<20);"
                   "document.body.textContent=`measured ${w.scrollWidth} ${w.clientWidth} "
                   "${flat.length}`</script></body>")
        self.write("copy.html", text.replace("</body>", measure))
        for width in (390, 1600):
            done = self.browse("--dump-dom", f"--window-size={width},1200",
                               "file://" + self.path("copy.html"))
            scroll, client, flat = map(int, re.search(r"measured (\d+) (\d+) (\d+)",
                                                      done.stdout).groups())
            self.assertLessEqual(scroll, client)
            self.assertEqual(flat, 0)


def look_at_png(path):
    """Returns the size, the corner's pixel, and the number of different lines of an 8-bit picture."""
    with open(path, "rb") as file:
        data = file.read()
    at, packed, header = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + length]
        at += 12 + length
        if kind == b"IHDR":
            header = struct.unpack(">IIBB", body[:10])
        elif kind == b"IDAT":
            packed += body
    width, height, _, colour = header
    size = {2: 3, 6: 4}[colour]
    raw = zlib.decompress(packed)
    corner = tuple(raw[1:1 + size])  # of the first line, which no filter changes there
    lines = {raw[y * (width * size + 1):(y + 1) * (width * size + 1)] for y in range(height)}
    return (width, height), corner, len(lines)


if __name__ == "__main__":
    harness.main()
