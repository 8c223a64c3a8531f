#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the small images of dev/up and the e2e tests as docker archives, without a registry.

images.py DIRECTORY  writes pause.tar, busybox.tar and web.tar there, unless they are there.

  berth.local/pause:1    Debian's catatonit -P
  berth.local/busybox:1  Debian's busybox-static, every applet linked
  berth.local/web:1      busybox httpd on port 8080 that answers with its Pod's name
"""

import hashlib
import io
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile

PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
GROUP = "root:x:0:\nnogroup:x:65534:\n"
INDEX = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\nhostname\n"


class Layer:
    """A file system layer whose bytes depend on its content alone."""

    def __init__(self):
        self.buffer = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buffer, mode="w")

    def _add(self, name, kind, mode, data=b"", link=""):
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.linkname, info.size = kind, mode, link, len(data)
        self.tar.addfile(info, io.BytesIO(data))

    def folder(self, name, mode=0o755):
        self._add(name, tarfile.DIRTYPE, mode)

    def file(self, name, data, mode=0o644):
        self._add(name, tarfile.REGTYPE, mode, data if isinstance(data, bytes) else data.encode())

    def link(self, name, target):
        self._add(name, tarfile.SYMTYPE, 0o777, link=target)

    def bytes(self):
        self.tar.close()
        return self.buffer.getvalue()


def write_archive(path, name, layer, config):
    digest = hashlib.sha256(layer).hexdigest()
    image = json.dumps({
        "architecture": "amd64",
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]},
        "history": [{"created_by": "berth dev/lib/images.py"}],
    }).encode()
    config_name = hashlib.sha256(image).hexdigest() + ".json"
    manifest = json.dumps([{
        "Config": config_name, "RepoTags": [name], "Layers": [digest + "/layer.tar"],
    }]).encode()
    temporary = path.with_suffix(".new")
    with tarfile.open(temporary, "w") as tar:
        for member, data in ((config_name, image), (digest + "/layer.tar", layer),
                             ("manifest.json", manifest)):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    temporary.rename(path)


def busybox():
    """The program and its applets. busybox-static conflicts with busybox: unpacked, not installed."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", "-q", "busybox-static"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        package = next(pathlib.Path(folder).glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", package, folder + "/root"], check=True)
        program = pathlib.Path(folder) / "root/bin/busybox"
        applets = subprocess.run([program, "--list"], check=True, capture_output=True, text=True)
        return program.read_bytes(), applets.stdout.split()


def busybox_layer(binary, applets, extra=None):
    layer = Layer()
    for folder in ("bin", "etc", "proc", "sys", "dev", "var", "home", "root", "www"):
        layer.folder(folder)
    layer.folder("tmp", 0o1777)
    layer.file("bin/busybox", binary, 0o755)
    for applet in applets:
        if applet != "busybox":
            layer.link("bin/" + applet, "busybox")
    layer.file("etc/passwd", PASSWD)
    layer.file("etc/group", GROUP)
    if extra:
        extra(layer)
    return layer.bytes()


def add_web(layer):
    layer.folder("www/cgi-bin")
    layer.file("www/cgi-bin/index.cgi", INDEX, 0o755)


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    if all((out / name).exists() for name in ("pause.tar", "busybox.tar", "web.tar")):
        return
    pause = Layer()
    pause.file("pause", pathlib.Path("/usr/bin/catatonit").read_bytes(), 0o755)
    write_archive(out / "pause.tar", "berth.local/pause:1", pause.bytes(),
                  {"Entrypoint": ["/pause", "-P"], "User": "65535:65535"})
    binary, applets = busybox()
    path = ["PATH=/bin"]
    write_archive(out / "busybox.tar", "berth.local/busybox:1", busybox_layer(binary, applets),
                  {"Cmd": ["sh"], "Env": path})
    write_archive(out / "web.tar", "berth.local/web:1", busybox_layer(binary, applets, add_web),
                  {"Cmd": ["httpd", "-f", "-p", "8080", "-h", "/www"], "Env": path,
                   "ExposedPorts": {"8080/tcp": {}}})


if __name__ == "__main__":
    main()
