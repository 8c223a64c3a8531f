#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""stock_control_plane.py FOLDER BIN: a stock Kubernetes control plane to try berthd against, by hand.

Runs etcd (from Debian) and kube-apiserver, kube-controller-manager and kube-scheduler of the folder
BIN in a network namespace of its own; keys, kubeconfig, logs and etcd's data go to FOLDER, which must
not exist. Stays in the foreground and ends everything when interrupted. Then, beside it:

    e2e/external --netns berth-stock --kubeconfig FOLDER/admin.kubeconfig
"""

import argparse
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "dev/lib"))

from cluster import CONTROL_PLANE, ClusterError, alive, run, wait_for  # noqa: E402

SERVER = f"https://{CONTROL_PLANE}:6443"
NAMES = f"IP:{CONTROL_PLANE},IP:127.0.0.1,IP:10.96.0.1,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"

KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{{name: stock, cluster: {{server: "{server}", certificate-authority: {pki}/ca.crt}}}}]
users: [{{name: {user}, user: {{client-certificate: {pki}/{user}.crt, client-key: {pki}/{user}.key}}}}]
contexts: [{{name: stock, context: {{cluster: stock, user: {user}}}}}]
current-context: stock
"""


class StockControlPlane:
    def __init__(self, folder, programs, netns):
        self.folder, self.programs, self.netns = folder, programs, netns
        self.pki = folder / "pki"
        self.children = []

    def _certificate(self, name, subject, extensions):
        key, request, extension_file = (self.pki / f"{name}.{end}" for end in ("key", "csr", "ext"))
        run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request,
            "-subj", subject)
        extension_file.write_text(extensions)
        run("openssl", "x509", "-req", "-in", request, "-CA", self.pki / "ca.crt", "-CAkey", self.pki / "ca.key",
            "-CAcreateserial", "-days", "30", "-out", self.pki / f"{name}.crt", "-extfile", extension_file)

    def _make_keys(self):
        self.pki.mkdir(mode=0o700)
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.pki / "ca.key", "-out",
            self.pki / "ca.crt", "-days", "30", "-subj", "/CN=stock-ca")
        run("openssl", "genrsa", "-out", self.pki / "sa.key", "2048")
        self._certificate("apiserver", "/CN=kube-apiserver", f"subjectAltName={NAMES}\nextendedKeyUsage=serverAuth\n")
        for name, subject in (("admin", "/O=system:masters/CN=admin"),
                              ("kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client"),
                              ("manager", "/CN=system:kube-controller-manager"),
                              ("scheduler", "/CN=system:kube-scheduler")):
            self._certificate(name, subject, "extendedKeyUsage=clientAuth\n")
            text = KUBECONFIG.format(server=SERVER, pki=self.pki, user=name)
            (self.folder / f"{name}.kubeconfig").write_text(text)

    def _start(self, name, *command):
        with open(self.folder / f"{name}.log", "wb") as log:
            child = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.netns}", *map(str, command)],
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.children.append((name, child))

    def _make_network(self):
        run("ip", "netns", "add", self.netns)
        for command in (["link", "set", "lo", "up"], ["link", "add", "br0", "type", "bridge"],
                        ["addr", "add", f"{CONTROL_PLANE}/24", "dev", "br0"], ["link", "set", "br0", "up"]):
            run("ip", "-n", self.netns, *command)

    def up(self):
        self.folder.mkdir(mode=0o700)
        self._make_keys()
        self._make_network()
        pki, programs = self.pki, self.programs
        self._start("etcd", "etcd", "--data-dir", self.folder / "etcd", "--unsafe-no-fsync")
        self._start(
            "kube-apiserver", programs / "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379",
            f"--advertise-address={CONTROL_PLANE}", "--kubelet-preferred-address-types=InternalIP", "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
            "--enable-bootstrap-token-auth", f"--client-ca-file={pki}/ca.crt",
            f"--tls-cert-file={pki}/apiserver.crt", f"--tls-private-key-file={pki}/apiserver.key",
            f"--kubelet-client-certificate={pki}/kubelet-client.crt",
            f"--kubelet-client-key={pki}/kubelet-client.key", f"--service-account-key-file={pki}/sa.key",
            f"--service-account-signing-key-file={pki}/sa.key",
            "--service-account-issuer=https://kubernetes.default.svc")
        wait_for("the stock API server", self._ready, 120)
        self._start(
            "kube-controller-manager", programs / "kube-controller-manager",
            f"--kubeconfig={self.folder}/manager.kubeconfig", "--leader-elect=false",
            f"--cluster-signing-cert-file={pki}/ca.crt", f"--cluster-signing-key-file={pki}/ca.key",
            f"--root-ca-file={pki}/ca.crt", f"--service-account-private-key-file={pki}/sa.key",
            "--allocate-node-cidrs", "--cluster-cidr=10.244.0.0/16", "--use-service-account-credentials",
            "--controllers=*,bootstrapsigner,tokencleaner")
        self._start("kube-scheduler", programs / "kube-scheduler",
                    f"--kubeconfig={self.folder}/scheduler.kubeconfig", "--leader-elect=false")

    def _ready(self):
        for name, child in self.children:
            if not alive(child.pid):
                tail = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-5:]
                raise ClusterError("\n".join([f"{name} ended:", *tail]))
        return run("nsenter", f"--net=/run/netns/{self.netns}", "kubectl", "--kubeconfig",
                   self.folder / "admin.kubeconfig", "get", "--raw", "/readyz", check=False).returncode == 0

    def down(self):
        for _, child in reversed(self.children):
            child.terminate()
        for _, child in self.children:
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
        run("ip", "netns", "del", self.netns, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("programs", type=pathlib.Path, metavar="BIN")
    parser.add_argument("--netns", default="berth-stock")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    plane = StockControlPlane(arguments.folder.resolve(), arguments.programs.resolve(), arguments.netns)
    try:
        plane.up()
        print(f"ready: e2e/external --netns {plane.netns} --kubeconfig {plane.folder}/admin.kubeconfig", flush=True)
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass
    except ClusterError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    finally:
        plane.down()


if __name__ == "__main__":
    main()
