# SPDX-License-Identifier: BSD-3-Clause
"""Measures Python's Pool in a program that makes few calls. Prints seconds, one figure a line; then
the peak memory for 3 million items, in KiB.
usage: pool_calls.py WORKERS ROUND-TRIPS"""
import resource
import statistics
import sys
import time
from multiprocessing import Pool

MANY = 3_000_000


def noop(value):
    return value


def main():
    workers, count = int(sys.argv[1]), int(sys.argv[2])
    began = time.perf_counter()
    with Pool(workers) as pool:
        pool.apply(noop, (1,))
        print("create to first result", time.perf_counter() - began)
        times = []
        for _ in range(count):
            start = time.perf_counter()
            pool.apply(noop, (1,))
            times.append(time.perf_counter() - start)
        print("apply, hot", statistics.median(times))
        time.sleep(0.05)
        cold = []
        for _ in range(11):
            time.sleep(0.01)
            start = time.perf_counter()
            pool.apply(noop, (1,))
            cold.append(time.perf_counter() - start)
        print("apply, cold", statistics.median(cold))
        items = 100 * count
        for name, chunk in (("map, chunk 1", 1), ("map, default chunks", None)):
            start = time.perf_counter()
            pool.map(noop, range(items), chunk)
            print(name + ", an item", (time.perf_counter() - start) / items)
        pool.map(noop, range(MANY))
        print(f"peak KiB of {MANY} items", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    main()
