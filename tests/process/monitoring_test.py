"""Each metric that the alerts and the dashboard name is one that the server has.

monitoring_test.py SERVER ROOT: prints those that are not there; exits 1 when there is one.
"""

import os
import re
import subprocess
import sys
import urllib.request

server, root = sys.argv[1:]
NAME = re.compile(r"\b(?:holdfast|process|http_server)_[a-z_]+\b")
named = {}
for file, lines in (("alerts.yml", r"expr: (.*)"), ("grafana-dashboard.json", r'"expr": (.*)')):
    with open(os.path.join(root, "docker", file), encoding="utf-8") as text:
        for expression in re.findall(lines, text.read()):
            for name in NAME.findall(expression):
                named.setdefault(name, file)

process = subprocess.Popen([server, "--in-memory", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
try:
    address = None
    while not address:
        line = process.stderr.readline()
        if not line:
            sys.exit("the server did not start")
        found = re.search(r"listening address=(\S+)", line)
        address = found[1] if found else None
    for method, path, body in (("PUT", "/v1/kv/a", b"1"), ("GET", "/v1/kv/a", None)):
        urllib.request.urlopen(urllib.request.Request(f"http://{address}{path}", body, method=method)).close()
    metrics = urllib.request.urlopen(f"http://{address}/metrics").read().decode()
finally:
    process.terminate()
    process.wait()
there = set(re.findall(r"^([a-z_]+)[{ ]", metrics, re.M))
missing = {name: file for name, file in named.items() if name not in there}
for name, file in sorted(missing.items()):
    print(f"docker/{file} names {name}, which /metrics does not have")
sys.exit(1 if missing or len(named) < 10 else 0)
