# Uses the engine as programs do that know docker-py and nothing of a guard.
import docker, io, sys, tarfile
image, box, network, volume = sys.argv[1:]
c = docker.from_env()
assert c.containers.run(image, ["echo", "hi"], remove=True) == b"hi\n"
n = c.networks.create(network, driver="bridge", check_duplicate=True, labels={"a": "b"})
c.volumes.create(volume)
b = c.containers.run(image, ["sleep", "1000"], name=box, detach=True, network=network, volumes={volume: {"bind": "/data", "mode": "rw"}},
    ports={"80/tcp": None}, environment={"A": "1"}, mem_limit="64m", restart_policy={"Name": "on-failure", "MaximumRetryCount": 2}, init=True)
assert b.exec_run(["echo", "hi"]).output == b"hi\n"
tar = io.BytesIO()
with tarfile.open(fileobj=tar, mode="w") as t:
    info = tarfile.TarInfo("file"); info.size = 2
    t.addfile(info, io.BytesIO(b"hi"))
assert b.put_archive("/data", tar.getvalue())
assert b.exec_run(["cat", "/data/file"]).output == b"hi"
b.update(mem_limit="32m", memswap_limit="64m")
n.disconnect(b); n.connect(b, aliases=["db"])
b.restart(timeout=0)
dockerfile = io.BytesIO(("FROM " + image + "\nCMD echo built\n").encode())
c.images.build(fileobj=dockerfile, tag=box, rm=True)
assert c.containers.run(box, remove=True) == b"built\n"
c.images.remove(box)
b.remove(force=True)
n.remove()
c.volumes.get(volume).remove()
print("done")
