"""Uses the engine over TLS as DOCKER_HOST and DOCKER_CERT_PATH say.

Arguments: an image with a shell, an unused name.
"""

import sys

import docker

image, name = sys.argv[1:]
client = docker.from_env(timeout=30)
client.ping()
box = client.containers.run(image, ["sh", "-c", "echo one; echo two; exec sleep 1000"], name=name, detach=True)
print(box.exec_run(["echo", "out"]).output)
logs = b""
for piece in box.logs(stream=True, follow=True):
    logs += piece
    if logs.count(b"\n") == 2:
        break
print(logs)

start = client.api.exec_create(name, ["sh", "-c", "read x; echo $x | tr a-z A-Z"], stdin=True, tty=True)
sock = client.api.exec_start(start["Id"], tty=True, socket=True)
raw = getattr(sock, "_sock", sock)
raw.settimeout(30)
raw.sendall(b"hello\n")
said = b""
while True:
    piece = raw.recv(1000)
    if not piece:
        break
    said += piece
print(said.split()[-1])
box.remove(force=True)
