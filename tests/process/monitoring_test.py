"""Each metric that the alerts and the dashboard name is one that the servers have: one with TLS, and a leader and a standby.

monitoring_test.py SERVER ROOT: prints those that are not there; exits 1 when there is one. Without etcd (Debian:
etcd-server), the metrics of a cluster are not looked for.
"""

import os
import re
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

import server_process
from cluster_test import Cluster, try_to
from etcd_process import PROGRAM

server, root = sys.argv[1:]
server_process.SERVER = server
NAME = re.compile(r"\b(?:holdfast|process|http_server)_[a-z_]+\b")
named = {}
for file, lines in (("alerts.yml", r"expr: (.*)"), ("grafana-dashboard.json", r'"expr": (.*)')):
    with open(os.path.join(root, "docker", file), encoding="utf-8") as text:
        for expression in re.findall(lines, text.read()):
            for name in NAME.findall(expression):
                named.setdefault(name, file)


def names_in(metrics):
    return set(re.findall(r"^([a-z_]+)[{ ]", metrics, re.M))


def of_a_single_server():
    with tempfile.TemporaryDirectory() as directory:
        certificate, key = f"{directory}/server.pem", f"{directory}/server.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-out",
                        certificate, "-keyout", key], check=True, capture_output=True)
        process = subprocess.Popen([server, "--data", f"{directory}/data", "--listen", "127.0.0.1:0", "--tls-cert",
                                    certificate, "--tls-key", key], stderr=subprocess.PIPE, text=True)
        try:
            address = None
            while not address:
                line = process.stderr.readline()
                if not line:
                    sys.exit("the server did not start")
                found = re.search(r"listening address=(\S+)", line)
                address = found[1] if found else None
            trust = ssl.create_default_context(cafile=certificate)
            for method, path, body in (("PUT", "/v1/kv/a", b"1"), ("GET", "/v1/kv/a", None)):
                request = urllib.request.Request(f"https://{address}{path}", body, method=method)
                urllib.request.urlopen(request, context=trust).close()
            return names_in(urllib.request.urlopen(f"https://{address}/metrics", context=trust).read().decode())
        finally:
            process.terminate()
            process.wait()


def of_a_cluster():
    with Cluster(members=2) as cluster:
        leader, (standby,) = cluster.settle()
        assert try_to(leader, "PUT", "/v1/kv/a", b"1")[0] == 201
        deadline = time.monotonic() + server_process.PATIENCE_S
        while standby.state()[1]["revision"] < 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        return set().union(*(names_in(try_to(one, "GET", "/metrics")[1].decode()) for one in (leader, standby)))


there = of_a_single_server()
if os.access(PROGRAM, os.X_OK):
    there |= of_a_cluster()
else:
    named = {name: file for name, file in named.items() if not name.startswith("holdfast_cluster_")}
missing = {name: file for name, file in named.items() if name not in there}
for name, file in sorted(missing.items()):
    print(f"docker/{file} names {name}, which /metrics does not have")
sys.exit(1 if missing or len(named) < 10 else 0)
