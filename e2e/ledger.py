# SPDX-License-Identifier: Apache-2.0
"""Shows that the API server loses no write that it acknowledged, and that watches have no gap.

A writer counts in a ConfigMap, one number per write, each conditional on the version before. A
watcher follows it and resumes where it was.
"""

import threading

from rest import Refused

MAPS = "/api/v1/namespaces/default/configmaps"
NAME = "ledger"


class Part(threading.Thread):
    """A thread that takes steps until finish(), which raises what went wrong in it."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api, self.done, self.error = api, threading.Event(), None

    def run(self):
        try:
            while not self.done.is_set():
                self.step()
        except Exception as error:  # noqa: BLE001 (told by finish)
            self.error = error
        finally:
            self.api.close()

    def finish(self):
        self.done.set()
        self.join(120)
        if self.error is not None:
            raise self.error
        if self.is_alive():
            raise AssertionError(f"{type(self).__name__} does not end")


def place(config_map):
    """(number, version) of the ledger."""
    return int(config_map["data"]["n"]), int(config_map["metadata"]["resourceVersion"])


def body(number, version=None):
    metadata = {"name": NAME}
    if version is not None:
        metadata["resourceVersion"] = str(version)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"n": str(number)}}


class Writer(Part):
    def __init__(self, api):
        super().__init__(api)
        self.acknowledged = [place(api.create(MAPS, body(0)))]
        self.tried = 0  # the highest number that was sent
        self.base = self.acknowledged[0]  # the last known state
        self.unanswered = 0

    def step(self):
        self.done.wait(0.05)
        self.tried += 1
        try:
            self.base = place(self.api.put(f"{MAPS}/{NAME}", body(self.tried, self.base[1])))
            self.acknowledged.append(self.base)
        except (OSError, Refused) as error:
            if isinstance(error, Refused) and error.status not in (409, 429, 500, 503, 504):
                raise
            self.unanswered += 1
            self.look()

    def look(self):
        """After a write that was not answered: the state is the last acknowledged or that write's."""
        while True:
            try:
                self.base = place(self.api.get(f"{MAPS}/{NAME}"))
                break
            except (OSError, Refused):
                if self.done.wait(0.1):
                    return
        self.check(self.base)

    def check(self, found):
        last = self.acknowledged[-1]
        number, version = found
        if found != last and not (last[0] < number <= self.tried and version > last[1]):
            raise AssertionError(f"acknowledged was number {last[0]} at {last[1]}, found is {number} at {version}")


class Watcher(Part):
    def __init__(self, api):
        super().__init__(api)
        self.path = f"{MAPS}?fieldSelector=metadata.name={NAME}"
        self.seen = []  # (number, version) of each event
        self.gaps = []  # (version before, version after) of lists after the first
        self.resumes = 0
        self.version = None

    def step(self):
        try:
            if self.version is None:
                self.list()
            for event in self.api.watch(self.path, self.version):
                if not self.take(event) or self.done.is_set():
                    return
        except OSError:
            self.resumes += 1
            self.done.wait(0.1)
        except Refused as error:
            if error.status == 410:
                self.version = None
            self.done.wait(0.1)

    def list(self):
        found = self.api.get(self.path)
        version = int(found["metadata"]["resourceVersion"])
        if self.seen:
            self.gaps.append((self.seen[-1][1], version))
        self.seen += [place(item) for item in found["items"] if not self.seen or place(item)[1] > self.seen[-1][1]]
        self.version = version

    def take(self, event):
        """False when it has to begin anew."""
        what = event["object"]
        if event["type"] == "ERROR":
            if what.get("code") == 410:
                self.version = None
            return False
        self.version = int(what["metadata"]["resourceVersion"])
        if event["type"] != "BOOKMARK":
            self.seen.append(place(what))
        return True


class Ledger:
    def __init__(self, api):
        self.writer = Writer(api)
        self.watcher = Watcher(api)

    def start(self):
        self.writer.start()
        self.watcher.start()

    def check_now(self, api):
        """With the control plane just back: what it acknowledged is there."""
        last = self.writer.acknowledged[-1]
        number, version = place(api.get(f"{MAPS}/{NAME}"))
        if number < last[0] or version < last[1]:
            raise AssertionError(f"acknowledged was number {last[0]} at {last[1]}, found is {number} at {version}")

    def finish(self, wait):
        """`wait(what, condition)` polls. Raises AssertionError when something was lost."""
        self.writer.finish()
        self.writer.look()
        final = self.writer.base
        wait("the watcher's last event", lambda: self.watcher.error or (
            self.watcher.seen and self.watcher.seen[-1] == final))
        self.watcher.done.set()
        seen = list(self.watcher.seen)
        if self.watcher.error is not None:
            raise self.watcher.error
        for before, after in zip(seen, seen[1:]):
            if not (before[0] < after[0] and before[1] < after[1]):
                raise AssertionError(f"events out of order: {before} and then {after}")
        missed = [a for a in self.writer.acknowledged if a[1] >= seen[0][1] and a not in set(seen)
                  and not any(low < a[1] <= high for low, high in self.watcher.gaps)]
        if missed:
            raise AssertionError(f"the watch had no event of {missed[:10]}")
        return {"acknowledged": len(self.writer.acknowledged), "unanswered": self.writer.unanswered,
                "events": len(seen), "resumes": self.watcher.resumes, "lists again": len(self.watcher.gaps)}
