# SPDX-License-Identifier: Apache-2.0
"""A cluster for a test class: made once, numbered tests run in order, ended also on failure."""

import atexit
import os
import pathlib
import signal
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "dev/lib"))

from cluster import Cluster, ClusterError, wait_for  # noqa: E402

BUILD = os.environ.get("BERTH_BUILD", str(ROOT / "build/dev"))
KEEP = bool(os.environ.get("BERTH_KEEP"))  # leave the cluster for a look


class ClusterTest(unittest.TestCase):
    """Tests are named test_NN_what and may build on those before them."""

    cluster = None
    label = "e2e"
    node_settings = ""  # lines more of every node's KubeletConfiguration
    apiserver_flags = ()  # flags more of the control plane

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(f"{cls.label}{os.getpid()}", BUILD)
        cls.cluster.node_settings = cls.node_settings
        cls.cluster.apiserver_flags = cls.apiserver_flags
        atexit.register(cls.end)
        cls.cluster.up()

    @classmethod
    def end(cls):
        if cls.cluster and not KEEP:
            cls.cluster.down()

    @classmethod
    def tearDownClass(cls):
        cls.end()

    def run(self, result=None):
        failures = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > failures:
            self.show_logs()
        return result

    def show_logs(self):
        logs = [self.cluster.folder / "apiserver.log"] + [n.log for n in self.cluster.nodes]
        for log in logs:
            if log.exists():
                tail = log.read_text(errors="replace").splitlines()[-25:]
                print(f"--- {log}", *tail, sep="\n", file=sys.stderr)

    def kubectl(self, *arguments, check=True, **kwargs):
        return self.cluster.kubectl(*arguments, check=check, **kwargs)

    def eventually(self, what, condition, seconds=30.0):
        try:
            wait_for(what, condition, seconds)
        except ClusterError as error:
            self.fail(str(error))


def main():
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: sys.exit(1))
    unittest.main(verbosity=2, failfast=False)
