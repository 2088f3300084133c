"""Uses the engine as a docker-py program would and prints what it sees.

Arguments: the engine's address, an image with a shell, an unused name.
"""

import io
import socket
import sys
import tarfile

import docker
from docker.utils.socket import frames_iter

address, image, name = sys.argv[1:]
client = docker.DockerClient(base_url=address, timeout=30)


def show(what, value):
    print(what, repr(value))


def archive(size):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        entry = tarfile.TarInfo("file")
        entry.size = size
        tar.addfile(entry, io.BytesIO(b"x" * size))
    return data.getvalue()


def talk(sock, tty):
    """Says something, ends its half and reads to the end."""
    raw = getattr(sock, "_sock", sock)
    raw.settimeout(30)
    if tty:
        raw.sendall(b"hello\n\x04")
    else:
        raw.sendall(b"hello\n")
        raw.shutdown(socket.SHUT_WR)
    answer = list(frames_iter(raw, tty=tty))
    streams = {}
    for stream, data in answer:
        streams[stream] = streams.get(stream, b"") + data
    raw.close()
    return streams


show("ping", client.ping())
show("run", client.containers.run(image, ["sh", "-c", "echo out"], remove=True))
box = client.containers.run(image, ["sh", "-c", "echo started; exec sleep 1000"], name=name, detach=True)
show("logs", next(iter(box.logs(stream=True, follow=True))))
for tty in False, True:
    show("exec", box.exec_run(["sh", "-c", "echo out; exit 3"], tty=tty))
    show("exec demux", box.exec_run(["sh", "-c", "echo out"], tty=tty, demux=not tty))
    show("exec stream", b"".join(box.exec_run(["seq", "1000"], tty=tty, stream=True).output)[-20:])
    result = box.exec_run(["cat"], stdin=True, tty=tty, socket=True)
    show("exec socket", talk(result.output, tty))
show("put", box.put_archive("/tmp", archive(1 << 20)))
stream, stat = box.get_archive("/tmp/file")
show("get", (len(b"".join(stream)) >= 1 << 20, stat["size"]))
for where in "/none/at/all", "/etc/passwd/x":
    try:
        box.put_archive(where, archive(20 << 20))
    except docker.errors.APIError as error:
        show("put refused", error.response.status_code)
    except OSError as error:
        show("put refused", "connection lost")
show("stats", sorted(box.stats(stream=False))[:3])
show("top", box.top()["Titles"][:1])
box.kill()
show("wait", box.wait()["StatusCode"])
show("events", [e["Action"] for e in client.events(since=0, until=1, decode=True)])
box.remove()
for tty in False, True:
    box = client.containers.create(image, ["cat"], name=name, stdin_open=True, tty=tty)
    sock = box.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    box.start()
    show("attach socket", talk(sock, tty))
    box.remove(force=True)
image = client.images.get(image)
show("save", len(b"".join(image.save())) > 1000)
try:
    client.images.load(b"garbage" * 100000)
except docker.errors.DockerException as error:
    show("load", str(error))
show("networks", sorted(n.name for n in client.networks.list(names=["bridge"])))
