# SPDX-License-Identifier: BSD-3-Clause
"""The results of every job file in configs/ are those of another program or of a formula."""
import glob
import hashlib
import math
import os
import re
import subprocess
import sys

import harness


class Configs(harness.Case):
    def run_config(self, name, code=0):
        self.copy_config(name + ".yaml")
        done = self.batchrun(name + ".yaml")
        self.assertEqual(done.code, code, done)
        return done

    def test_all_are_tested(self):
        tested = {name[len("test_"):] + ".yaml" for name in dir(self) if name.startswith("test_")}
        for path in glob.glob(os.path.join(harness.CONFIGS, "*.yaml")):
            self.assertIn(os.path.basename(path), tested)

    def test_quickstart(self):
        done = self.run_config("quickstart", code=3)
        self.assertEqual(self.rows("quickstart.run/results/squares.csv"),
                         [{"index": str(i), "i": str(i), "square": str(i * i)} for i in range(10)])
        self.assertEqual(done.out.splitlines(), [
            "index,name,greeting", "0,John,Hello John", "1,Ben,Hello Ben", "3,Alex,Hello Alex",
            "4,Jenny,Hello Jenny"])
        self.assertIn("Name Error : Bill", done.err)
        self.assertEqual(self.outcomes("quickstart", "squares"), {"ok": 10})
        self.assertEqual(self.outcomes("quickstart", "greetings"), {"ok": 4, "error": 1})

    def test_licenses(self):
        files = sorted(glob.glob("/usr/share/common-licenses/*"))
        if not files:
            self.skipTest("no /usr/share/common-licenses")
        wc = subprocess.run(["wc", "-lwc", *files], capture_output=True, text=True, check=True,
                            env=dict(os.environ, LC_ALL="C"))
        counts = {line.split()[3]: [int(word) for word in line.split()[:3]]
                  for line in wc.stdout.splitlines()}
        total = counts.pop("total", None) or list(counts.values())[0]
        self.run_config("licenses")
        rows = self.rows("files.csv")
        self.assertEqual([row["path"] for row in rows], files)
        for row in rows:
            self.assertEqual([int(row[c]) for c in ("lines", "words", "bytes")],
                             counts[row["path"]], row)
        (totals,) = self.rows("totals.csv")
        self.assertEqual([int(totals[c]) for c in ("lines", "words", "bytes")], total)

    def test_pricing(self):
        self.run_config("pricing")
        prices, checks = self.rows("prices.csv"), self.rows("check.csv")
        options = [(k, v, m) for k in (80, 90, 100, 110, 120) for v in (0.15, 0.2, 0.3, 0.4)
                   for m in (0.25, 0.5, 1)]
        self.assertEqual([(float(r["strike"]), float(r["volatility"]), float(r["maturity"]))
                          for r in prices], options)
        self.assertEqual(len(checks), len(options))
        squares = 0
        for price, check in zip(prices, checks):
            strike, volatility, maturity = (float(price[c])
                                            for c in ("strike", "volatility", "maturity"))
            formula = black_scholes(100, 0.03, strike, volatility, maturity)
            away = (float(price["price"]) - formula) / float(price["error"])
            self.assertLess(abs(away), 5, price)
            squares += away * away
            self.assertAlmostEqual(float(check["formula"]), formula, delta=1e-9)
            self.assertAlmostEqual(float(check["deviation"]), away, delta=1e-6)
        # The sum has the chi-squared distribution: it is neither too large nor too small.
        self.assertTrue(25 < squares < 115, squares)
        # The seeds make the run repeatable to the last bit, with any number of workers.
        first = self.read("prices.csv")
        done = self.batchrun("run", "--fresh", "--workers", "3", "--set",
                             "workers.oversubscribe=true", "pricing.yaml")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.read("prices.csv"), first)

    def test_commands(self):
        files = sorted(glob.glob("/usr/share/common-licenses/*"))
        if not files:
            self.skipTest("no /usr/share/common-licenses")
        self.run_config("commands")
        rows = self.rows("checksums.csv")
        self.assertEqual([row["path"] for row in rows], files)
        texts = {}
        for row in rows:
            with open(row["path"], "rb") as file:
                texts[row["path"]] = file.read()
            digest = hashlib.sha256(texts[row["path"]]).hexdigest()
            self.assertEqual(row["stdout"], f"{digest}  {row['path']}")
        for row in self.rows("mentions.csv"):
            found = re.findall(rb"[A-Za-z]+", texts[row["path"]])
            count = sum(word.lower() == row["word"].encode() for word in found)
            self.assertEqual((int(row["stdout"]), row["exit_code"]), (count, str(int(count == 0))))

    def test_async(self):
        self.run_config("async")
        spans = {name: [(float(r["began"]), float(r["ended"])) for r in self.rows(name + ".csv")]
                 for name in ("slow", "quick", "report")}
        self.assertEqual({name: len(rows) for name, rows in spans.items()},
                         {"slow": 1, "quick": 3, "report": 2})
        slow, quick = spans["slow"][0], spans["quick"]
        # Whether the two run side by side depends on when the second worker is ready; the phases do.
        together = any(began < slow[1] and ended > slow[0] for began, ended in quick)
        print(f"slow and quick tasks ran side by side: {together}", file=sys.stderr)
        last = max(ended for name in ("slow", "quick") for _, ended in spans[name])
        self.assertGreaterEqual(min(began for began, _ in spans["report"]), last)
        phases = {p["name"]: p for p in self.summary("async")["phases"]}
        self.assertLess(phases["quick"]["start_seconds"], phases["slow"]["end_seconds"])
        self.assertLess(phases["slow"]["start_seconds"], phases["quick"]["end_seconds"])
        self.assertGreaterEqual(phases["report"]["start_seconds"],
                                max(phases[p]["end_seconds"] for p in ("slow", "quick")))


def black_scholes(spot, rate, strike, volatility, maturity):
    def cdf(x):
        return 0.5 * (1 + math.erf(x / math.sqrt(2)))

    width = volatility * math.sqrt(maturity)
    d1 = (math.log(spot / strike) + (rate + volatility ** 2 / 2) * maturity) / width
    return spot * cdf(d1) - strike * math.exp(-rate * maturity) * cdf(d1 - width)


if __name__ == "__main__":
    harness.main()
