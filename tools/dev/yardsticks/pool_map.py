# SPDX-License-Identifier: BSD-3-Clause
"""Python's multiprocessing.Pool.map over no-op tasks. usage: pool_map.py TASKS WORKERS CHUNK
CHUNK 0 is Pool.map's own choice. Prints the seconds of the map alone."""
import multiprocessing
import sys
import time


def noop(i):
    return float(i) * float(i)


def main():
    tasks, workers, chunk = (int(word) for word in sys.argv[1:4])
    with multiprocessing.Pool(workers) as pool:
        pool.map(noop, range(workers))  # the start of the pool is not measured
        began = time.perf_counter()
        total = sum(pool.map(noop, range(tasks), chunk or None))
        seconds = time.perf_counter() - began
    if total <= 0 < tasks - 1:
        sys.exit("pool_map.py: the sum is wrong")
    print(seconds)


if __name__ == "__main__":
    main()
