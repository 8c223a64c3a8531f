#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The cluster of virtual nodes on an ordinary Debian 12: systemd, cgroup v2. Run by hand, as root.

guest.py [--build build/dev] [--packages]

Makes a Debian guest (once; build/guest), boots it under QEMU's software emulation, copies the
programs, dev/ and the images into it, starts a cluster there, runs one Pod with limits and reads
back what the kernel was told. With --packages it makes the debs, installs them there and does so
under systemd's cgroup driver (packages.py). The emulation is some 40 times slower than the host, so every
deadline inside is stretched (BERTH_PATIENCE). QEMU ends with this script, however it ends.
"""

import argparse
import base64
import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / "build/guest"
TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "mmdebstrap": "mmdebstrap", "lz4": "lz4",
         "cpio": "cpio", "mke2fs": "e2fsprogs", "modprobe": "kmod"}
PACKAGES = """systemd systemd-sysv dbus udev kmod procps iproute2 util-linux python3-minimal python3
    containerd runc containernetworking-plugins nftables iptables conntrack catatonit openssl
    kubernetes-client busybox-static linux-image-cloud-amd64 ca-certificates""".split()
PROGRAMS = ("agent/berthd", "controlplane/berth-controlplane")
TESTS = ("cgroups/cgroups_test",)  # when they are built
MASKED = ("containerd.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer "
          "fstrim.timer systemd-timesyncd.service getty@tty1.service serial-getty@ttyS0.service "
          "e2scrub_reap.service nftables.service systemd-resolved.service").split()

INIT = """#!/bin/busybox sh
export PATH=/bin
/bin/busybox mkdir -p /bin /proc /sys /dev /root
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do insmod /modules/$module; done
n=0
until mount -t ext4 /dev/vda /root; do n=$((n+1)); [ $n -lt 60 ] || poweroff -f; sleep 1; done
mount --move /dev /root/dev
exec switch_root /root /sbin/init
"""

# A command a line comes in as "ID BASE64"; its output goes back line by line, then "END ID CODE".
AGENT = """#!/bin/bash
exec 3<>/dev/virtio-ports/berth.guest
echo "READY $(cut -d' ' -f1 /proc/uptime)" >&3
while :; do
  if ! read -r id text <&3; then sleep 0.5; continue; fi
  bash -c "$(base64 -d <<<"$text")" 2>&1 </dev/null 3>&- | sed -u 's/^/| /' >&3
  echo "END $id ${PIPESTATUS[0]}" >&3
done
"""

UNIT = """[Unit]
After=systemd-udevd.service systemd-modules-load.service
[Service]
ExecStart=/usr/local/sbin/guest-agent
ExecStartPre=/bin/bash -c 'until [ -e /dev/virtio-ports/berth.guest ]; do sleep 0.5; done'
Environment=HOME=/root
TimeoutStartSec=600
OOMScoreAdjust=0
Delegate=yes
[Install]
WantedBy=multi-user.target
"""


def mirror():
    """Where this machine's own apt has Debian 12 from."""
    targets = subprocess.run(["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)"], check=True,
                             capture_output=True, text=True).stdout.splitlines()
    return next(line.split()[1] for line in targets if line.startswith("bookworm "))


def run(*command, **kwargs):
    return subprocess.run([str(c) for c in command], check=True, **kwargs)


def library_packages(build):
    """The packages of the shared libraries that the programs are linked with."""
    names = set()
    for program in PROGRAMS:
        out = run("ldd", build / program, capture_output=True, text=True).stdout
        for path in re.findall(r"=> (/\S+)", out):
            # A package may name the file by its way before or after /usr took in /lib.
            paths = {path, "/usr" + path, path.removeprefix("/usr"), os.path.realpath(path)}
            found = subprocess.run(["dpkg", "-S", *paths], capture_output=True, text=True).stdout
            names.update(line.split(":")[0] for line in found.splitlines() if line.split()[-1] in paths)
    return sorted(names)


def unpack_kernel(image, out):
    """The ELF kernel inside a bzImage: what QEMU boots without firmware."""
    data = image.read_bytes()
    start = (data[0x1f1] + 1) * 512 + int.from_bytes(data[0x248:0x24c], "little")
    length = int.from_bytes(data[0x24c:0x250], "little")
    payload = data[start:start + length - 4]  # its last word is the unpacked size
    tool = "lz4" if payload[:4] == b"\x02\x21\x4c\x18" else "xz"
    out.write_bytes(run(tool, "-dc", input=payload, stdout=subprocess.PIPE).stdout)


def make_initrd(root, version, out):
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        (top / "bin").mkdir()
        (top / "modules").mkdir()
        shutil.copy(root / "bin/busybox", top / "bin/busybox")
        order = []
        for module in ("virtio_pci", "virtio_blk"):
            listed = run("modprobe", "-d", root, "-S", version, "--show-depends", module,
                         capture_output=True, text=True).stdout
            order += [pathlib.Path(line.split()[1]) for line in listed.splitlines() if line.startswith("insmod")]
        order = list(dict.fromkeys(order))
        for path in order:
            shutil.copy(path, top / "modules")
        (top / "modules/order").write_text("\n".join(path.name for path in order))
        (top / "init").write_text(INIT)
        (top / "init").chmod(0o755)
        with open(out, "wb") as file:
            run("sh", "-c", "find . | cpio -o -H newc --quiet", cwd=folder, stdout=file)


def customize(root):
    agent = root / "usr/local/sbin/guest-agent"
    agent.write_text(AGENT)
    agent.chmod(0o755)
    units = root / "etc/systemd/system"
    (units / "guest-agent.service").write_text(UNIT)
    wants = units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / "guest-agent.service").symlink_to("/etc/systemd/system/guest-agent.service")
    for unit in MASKED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    (root / "etc/machine-id").write_text("5f0b5f9a3a1c4b7c9a5f9d4a3c2b1e0d\n")
    (root / "etc/hostname").write_text("guest\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost guest\n")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text("")
    (root / "etc/modules-load.d/berth.conf").write_text("overlay\nbr_netfilter\n")


def build_image(build):
    packages = sorted(set(PACKAGES + library_packages(build)))
    stamp = "\n".join(packages + [INIT, AGENT, UNIT, *MASKED])
    if (CACHE / "stamp").exists() and (CACHE / "stamp").read_text() == stamp:
        return
    shutil.rmtree(CACHE, ignore_errors=True)
    CACHE.mkdir(parents=True)
    root = CACHE / "root"
    print(f"making the image: {len(packages)} packages and what they need", flush=True)
    with open(CACHE / "mmdebstrap.log", "wb") as log:
        run("mmdebstrap", "--variant=apt", "--mode=root", "--aptopt=Apt::Install-Recommends false",
            "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            "--include=" + ",".join(packages), "bookworm", root, mirror(), stdout=log, stderr=log)
    customize(root)
    version = next((root / "lib/modules").iterdir()).name
    unpack_kernel(root / f"boot/vmlinuz-{version}", CACHE / "vmlinux")
    make_initrd(root, version, CACHE / "initrd")
    with open(CACHE / "mke2fs.log", "wb") as log:
        run("mke2fs", "-q", "-t", "ext4", "-d", root, CACHE / "root.img", "4G", stdout=log, stderr=log)
    shutil.rmtree(root)
    (CACHE / "stamp").write_text(stamp)


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Guest:
    def __init__(self, payload, memory=3072):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="berth-guest-"))
        self.count = 0
        command = [
            "qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max",
            "-m", memory, "-smp", 2, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-nic", "none", "-kernel", CACHE / "vmlinux", "-initrd", CACHE / "initrd",
            "-append", "console=ttyS0 panic=-1 quiet mitigations=off random.trust_cpu=on",
            "-serial", f"file:{CACHE}/console.log", "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=ctl,path={self.folder}/ctl,server=on,wait=off",
            "-device", "virtserialport,chardev=ctl,name=berth.guest", "-device", "virtio-rng-pci"]
        for number, (path, options) in enumerate(((CACHE / "root.img", "snapshot=on,cache=unsafe"),
                                                  (payload, "readonly=on"))):
            command += ["-drive", f"if=none,id=d{number},file={path},format=raw,{options}",
                        "-device", f"virtio-blk-pci,drive=d{number}"]
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL,
                                        stderr=open(self.folder / "qemu.err", "wb"), preexec_fn=die_with_parent)

    def wait_booted(self, seconds=300):
        deadline = time.monotonic() + seconds
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            if self.process.poll() is not None:
                raise RuntimeError("qemu ended: " + (self.folder / "qemu.err").read_text())
            try:
                self.socket.connect(f"{self.folder}/ctl")
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.lines = self.socket.makefile("rb")
        self.socket.settimeout(seconds)
        while not self._line().startswith("READY"):
            pass

    def _line(self):
        line = self.lines.readline()
        if not line:
            raise RuntimeError(f"the guest ended; see {CACHE}/console.log")
        return line.decode()

    def run(self, command, seconds=300, show=None):
        """Exit code of a shell command in the guest; its lines go to show as they come."""
        self.count += 1
        name, deadline = f"c{self.count}", time.monotonic() + seconds
        self.socket.sendall(f"{name} {base64.b64encode(command.encode()).decode()}\n".encode())
        while True:
            self.socket.settimeout(max(1.0, deadline - time.monotonic()))
            line = self._line()
            if line.startswith(f"END {name} "):
                return int(line.split()[2])
            if show and line.startswith("| "):
                show(line[2:].rstrip("\n"))

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def make_payload(build, out):
    """A tar that the guest sees as a disk: the programs without symbols, dev/ and the images."""
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder) / "berth"
        for program in PROGRAMS + tuple(t for t in TESTS if (build / t).exists()):
            (top / "build/it" / program).parent.mkdir(parents=True)
            run("strip", "-o", top / "build/it" / program, build / program)
        run("/usr/bin/python3", ROOT / "dev/lib/images.py", ROOT / "build/images")
        shutil.copytree(ROOT / "build/images", top / "build/images")
        shutil.copytree(ROOT / "dev", top / "dev")
        for deb in (build / "packages").glob("*.deb"):
            (top / "debs").mkdir(exist_ok=True)
            shutil.copy(deb, top / "debs")
        (top / "e2e").mkdir()
        shutil.copytree(HERE, top / "e2e/guest")
        run("tar", "-C", folder, "-cf", out, "berth")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=str(ROOT / "build/dev"), help="the build folder")
    parser.add_argument("--packages", action="store_true", help="run packages.py there instead of check.py")
    parser.add_argument("--command", help="what to run in the guest instead")
    parser.add_argument("--patience", default="20", help="by how much deadlines are stretched there")
    arguments = parser.parse_args()
    build = pathlib.Path(arguments.build).resolve()
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    if missing:
        sys.exit("guest.py: apt-get install --no-install-recommends " + " ".join(missing))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start = time.monotonic()

    def say(text):
        print(f"{time.monotonic() - start:6.1f} s  {text}", flush=True)

    script = "packages.py" if arguments.packages else "check.py"
    command = arguments.command or f"python3 -u /berth/e2e/guest/{script}"
    if arguments.packages:
        run(ROOT / "dev/package", "--build", build, "--out", build / "packages", "deb")
        say("debs")
    build_image(build)
    say("image")
    with tempfile.TemporaryDirectory() as folder:
        payload = pathlib.Path(folder) / "payload.tar"
        make_payload(build, payload)
        guest = Guest(payload)
        try:
            guest.wait_booted()
            say("booted")
            if guest.run("tar -xf /dev/vdb -C /", 300, print) != 0:
                raise RuntimeError("the programs did not get into the guest")
            say("programs are in the guest")
            code = guest.run(f"BERTH_PATIENCE={arguments.patience} {command}", 2400,
                             lambda line: print(line, flush=True))
            say(f"exit code {code}")
        finally:
            guest.stop()
    sys.exit(code)


if __name__ == "__main__":
    main()
