"""A small docker-py program: looks, runs a container, executes in it, removes it.

Arguments: the engine's address, an image with a shell, an unused name.
"""

import sys

import docker

address, image, name = sys.argv[1:]
client = docker.DockerClient(base_url=address, timeout=30)
client.ping()
client.networks.list(names=["bridge"])
client.images.get(image)
box = client.containers.run(image, ["sh", "-c", "echo started; exec sleep 1000"], name=name, detach=True)
try:
    next(iter(box.logs(stream=True, follow=True)))
    assert box.exec_run(["echo", "out"]).output == b"out\n"
    socket = box.exec_run(["cat"], stdin=True, socket=True).output
    socket.close()
    box.kill()
finally:
    box.remove(force=True)
