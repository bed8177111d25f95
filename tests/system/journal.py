# SPDX-License-Identifier: BSD-3-Clause
"""Reads a journal's events as docs/journal-format.md describes them, independently of batchrun.
Checksums are not checked; a record counts if it is whole and follows the one before it."""
import struct

TYPES = {1: "run_begin", 2: "worker_begin", 3: "worker_end", 4: "phase_begin", 5: "tasks_ok",
         6: "task_end", 7: "output", 8: "phase_end", 9: "run_end", 10: "source", 11: "run_resume",
         12: "note", 13: "accept", 14: "input_rows", 15: "phase_keep"}
FIELDS = {  # n: number, s: signed, t: text, c: cpus, d: durations, r: rows
    "run_begin": "name:t job_file:t version:t host:t wall:s workers:n phases:n limits:t part:t",
    "worker_begin": "worker:n pid:s start:n cpus:c",
    "worker_end": "worker:n pid:s signal:s exit_code:s reason:t",
    "phase_begin": "phase:n name:t task:t tasks:n left_out:n signature:n source:n",
    "tasks_ok": "phase:n worker:n attempt:n first:n count:n start:s durations:d rows:r",
    "task_end": "phase:n worker:n index:n attempt:n status:n final:n start:s duration:s cpu_time:s "
                "peak_memory:s cpu:s signal:s exit_code:s inputs:t message:t rows:r",
    "output": "phase:n worker:n first:n count:n attempt:n stream:n offset:n length:n",
    "phase_end": "phase:n how:n skipped:n",
    "run_end": "exit_status:s reason:t",
    "source": "what:t name:t hash:n changed:s",
    "run_resume": "version:t host:t wall:s workers:n retry_failed:n",
    "note": "name:t text:t",
    "accept": "what:t name:t old_hash:n new_hash:n old:s new:s wall:s detail:t",
    "input_rows": "what:t hash:n rows:n columns:n first:n hashes:r image:r",
    "phase_keep": "phase:n dropped:n tasks:n ok:n error:n crashed:n timed_out:n over_limit:n "
                  "cancelled:n skipped:n spans:r made:r",
}
OK, CANCELLED = 1, 6


class Payload:
    def __init__(self, data):
        self.data, self.at = data, 0

    def n(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def s(self):
        value = self.n()
        return value >> 1 ^ -(value & 1)

    def bytes(self, size):
        self.at += size
        return self.data[self.at - size:self.at]

    def t(self):
        return self.bytes(self.n() + 1)[:-1].decode("utf-8", "replace")

    def c(self):
        return [(self.n(), self.n()) for _ in range(self.n())]

    def r(self):
        if not self.n():
            return None
        size = self.n()
        self.at += -self.at % 8
        return self.bytes(size)


def records(data):
    """Yields (offset, size) of each whole record."""
    at = 64
    previous, sequence = data[56:64], 0
    while len(data) - at >= 40:
        mark, length = data[at + 16:at + 20], struct.unpack_from("<I", data, at + 36)[0]
        size = 40 + length + -length % 8
        if (mark != b"\xb5Rec" or data[at + 8:at + 16] != previous or len(data) - at < size or
                struct.unpack_from("<Q", data, at + 24)[0] != sequence + 1):
            return
        yield at, size
        previous, sequence = data[at:at + 8], sequence + 1
        at += size


def events(path):
    with open(path, "rb") as file:
        data = file.read()
    for at, _ in records(data):
        kind, length = struct.unpack_from("<II", data, at + 32)
        payload = Payload(data[at + 40:at + 40 + length])
        event = {"event": TYPES[kind], "time": payload.s()}
        for field in FIELDS[event["event"]].split():
            name, form = field.split(":")
            if form == "d":
                event[name] = payload.bytes(event["count"]) if payload.n() else None
            else:
                event[name] = getattr(payload, form)()
        yield event


class Story:
    """Collects the final outcome of each task that has one, and the next attempt of the others."""

    def __init__(self, path):
        self.names, self.final, self.next, self.twice = {}, {}, {}, []
        self.resumes = 0
        for event in events(path):
            getattr(self, "take_" + event["event"], lambda e: None)(event)

    def end(self, phase, index, status):
        task = (self.names[phase], index)
        if task in self.final:
            self.twice.append(task)
        self.final[task] = status

    def forget(self, keep):
        self.final = {task: status for task, status in self.final.items() if keep(task, status)}

    def take_phase_begin(self, event):
        name = self.names[event["phase"]] = event["name"].replace(" ", "_")
        self.forget(lambda task, status: task[0] != name)
        self.next = {task: attempt for task, attempt in self.next.items() if task[0] != name}

    def take_tasks_ok(self, event):
        for index in range(event["first"], event["first"] + event["count"]):
            self.end(event["phase"], index, OK)

    def take_task_end(self, event):
        task = (self.names[event["phase"]], event["index"])
        self.next[task] = event["attempt"] + (event["status"] != CANCELLED)
        if event["final"]:
            self.end(event["phase"], event["index"], event["status"])

    def take_phase_keep(self, event):
        pairs = list(struct.iter_unpack("=QQ", event["spans"] or b""))
        name = self.names.get(event["phase"])
        stays = {(name, i) for first, count in pairs for i in range(first, first + count)}
        self.forget(lambda task, status: task[0] != name or task in stays)
        self.next = {task: attempt for task, attempt in self.next.items()
                     if task[0] != name or task in stays}

    def take_run_resume(self, event):
        self.resumes += 1
        self.forget(lambda task, status: status == OK or
                    (status != CANCELLED and not event["retry_failed"]))
