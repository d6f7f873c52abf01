"""Runs the clients of peers.sh in alternation, and writes raw.csv and README.md. Started by peers.sh, with its environment."""

import csv
import datetime
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import Counter

WORK, OUT, BINARY = os.environ["WORK"], os.environ["OUT"], os.environ["SHAKEDOWN_BIN"]
HTTPS, LOGGED, STATUS = os.environ["HTTPS"], os.environ["LOGGED"], os.environ["STATUS"]
ROUNDS, SECONDS = int(os.environ["ROUNDS_N"]), os.environ["SECONDS_N"]
CONNECTIONS = 64
OURS = "shakedown"
SUITE = "TLS_AES_128_GCM_SHA256"


def ours(port, seconds, *more):
    tls = ["--ca", f"{WORK}/ca.pem", "--tls", "1.3", "--suite", SUITE, "--group", "X25519", "--cert-type", "ecdsa"]
    load = ["--connections", str(CONNECTIONS), "--threads", "1", "--warmup", "0s", "--duration", f"{seconds}s"]
    output = ["--out", f"{WORK}/run", "--overwrite", "--quiet"]
    return [BINARY, "run", f"https://localhost:{port}/", "--ipv4", *load, *tls, *more, *output]


def commands(port, seconds):
    """By work, by client: the command line."""
    url = f"https://127.0.0.1:{port}/"
    return {
        "request": {
            OURS: ours(port, seconds),
            "wrk": ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url],
            "h2load": ["h2load", "--h1", "-t1", f"-c{CONNECTIONS}", "-D", seconds, url],
        },
        "handshake": {
            OURS: ours(port, seconds, "--requests-per-connection", "1", "--verify", "every"),
            "ab": ["ab", "-q", "-d", "-S", "-f", "TLS1.3", "-c", str(CONNECTIONS), "-t", seconds, "-n", "1000000", url],
        },
    }


TARGETS = {"request": ("wrk", 1.0), "handshake": ("ab", 0.5)}
MEANING = {
    "request": f"keep-alive GET of 64 bytes, HTTP/1.1, TLS 1.3, {CONNECTIONS} connections",
    "handshake": f"full TLS 1.3 handshake (ECDSA P-256 certificate, X25519) and one request, {CONNECTIONS} at once",
}


def served():
    """Requests that nginx has counted; asking is one of them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{STATUS}/") as answer:
        text = answer.read().decode()
    return int(re.search(r"\n\s*\d+ \d+ (\d+)", text).group(1))


def execute(command):
    """Runs a client on core 1; its CPU times in seconds, wall time, exit code and output."""
    with open(f"{WORK}/output", "wb") as output:
        begun = time.monotonic()
        child = subprocess.Popen(["taskset", "-c", "1", *command], stdout=output, stderr=output)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
    with open(f"{WORK}/output", errors="replace") as output:
        return usage.ru_utime, usage.ru_stime, wall, child.returncode, output.read()


def measure(work, client, command, number):
    before = served()
    user, system, wall, code, output = execute(command)
    operations = served() - before - 1
    # Ours says with 3 that its figures are not to be relied on: noise of the machine. The CPU time stands all the same.
    if operations < 100 or code not in ((0, 3) if client == OURS else (0,)):
        sys.exit(f"{client} failed ({code}) with {operations} operations:\n{output}")
    return {
        "work": work,
        "round": number,
        "client": client,
        "cpu_user_s": f"{user:.6f}",
        "cpu_system_s": f"{system:.6f}",
        "wall_s": f"{wall:.3f}",
        "operations": operations,
        "cpu_us_per_operation": f"{(user + system) / operations * 1e6:.3f}",
        "exit_code": code,
        "reasons": reasons() if client == OURS else "",
    }


def reasons():
    """Why our last run called itself INVALID, as codes."""
    with open(f"{WORK}/run/result.json") as document:
        return " ".join(reason["code"] for reason in json.load(document)["verdict"]["reasons"])


def negotiated():
    """What nginx logged of each client: protocol, suite, group, resumption. One short run each, apart from the measured ones."""
    rows = []
    for work, clients in commands(LOGGED, "1").items():
        for client, command in clients.items():
            open(f"{WORK}/tls.log", "w").close()
            execute(command)
            with open(f"{WORK}/tls.log") as log:
                kinds = Counter(line.strip() for line in log)
            rows += [(work, client, kind, n) for kind, n in kinds.most_common()]
    return rows


def run_all():
    rows = []
    for number in range(1, ROUNDS + 1):
        for work, clients in commands(HTTPS, SECONDS).items():
            names = list(clients)
            shift = number % len(names)
            for client in names[shift:] + names[:shift]:
                row = measure(work, client, clients[client], number)
                print(f"round {number}  {work:<10}{client:<10}{float(row['cpu_us_per_operation']):8.2f} µs of CPU")
                rows.append(row)
    return rows


def signature():
    """The signature that a client of OpenSSL with its defaults was given."""
    with open(f"{WORK}/hello") as hello:
        return next((line.strip() for line in hello if line.startswith("Signature type")), "signature unknown")


def first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[0].strip()


def versions():
    return [
        first_line(BINARY, "--version"),
        first_line("nginx", "-v"),
        first_line("openssl", "version"),
        first_line("wrk", "-v").split(" Copyright")[0],
        first_line("h2load", "--version"),
        first_line("ab", "-V").removeprefix("This is "),
    ]


def cpu_model():
    with open("/proc/cpuinfo") as info:
        found = re.search(r"model name\s*:\s*(.+)", info.read())
    return found.group(1) if found else platform.machine()


def summary(rows):
    lines = ["| work | client | median µs | min | max | ours ÷ client |", "|---|---|---|---|---|---|"]
    verdicts = []
    for work, clients in commands(HTTPS, SECONDS).items():
        cost = {c: [float(r["cpu_us_per_operation"]) for r in rows if (r["work"], r["client"]) == (work, c)] for c in clients}
        medians = {client: statistics.median(values) for client, values in cost.items()}
        for client, values in cost.items():
            ratio = "" if client == OURS else f"{medians[OURS] / medians[client]:.2f}"
            lines.append(f"| {work} | {client} | {medians[client]:.2f} | {min(values):.2f} | {max(values):.2f} | {ratio} |")
        peer, limit = TARGETS[work]
        paired = [mine / theirs for mine, theirs in zip(cost[OURS], cost[peer])]
        ratio = medians[OURS] / medians[peer]
        kept = "kept" if ratio <= limit else "MISSED"
        verdicts.append(
            f"{work}: {ratio:.2f} × {peer} (round by round {min(paired):.2f} to {max(paired):.2f}); target ≤ {limit:.1f}: {kept}"
        )
    return lines, verdicts


def quarrel(rows):
    mine = [row for row in rows if row["client"] == OURS]
    why = Counter(code for row in mine for code in row["reasons"].split())
    if not why:
        return [f"shakedown called all of its {len(mine)} runs VALID."]
    codes = ", ".join(f"`{code}` {n} times" for code, n in why.most_common())
    return [
        "",
        f"shakedown called {sum(row['exit_code'] == 3 for row in mine)} of its {len(mine)} runs INVALID ({codes}). A `scheduling_gap` says that",
        "something else ran on its core: that inflates every client's figure by cold caches, and would spoil latencies, which nobody reads here.",
    ]


def readme(rows, seen, lines, verdicts):
    shown = {w: {c: " ".join(a) for c, a in clients.items()} for w, clients in commands("PORT", SECONDS).items()}
    tidy = lambda text: text.replace(BINARY, OURS).replace(WORK, "TMP")
    page = [
        f"# Client CPU time per operation, {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}",
        "",
        "Made by `benches/peers.sh`. One nginx with one worker on core 0; each client in turn on core 1, one thread.",
        f"{ROUNDS} rounds of {SECONDS} s each, the order rotated from round to round. The figure is user and system time of the whole",
        "client process divided by the requests that nginx counted meanwhile; it is not a rate, since the server is the ceiling.",
        "",
        *lines,
        "",
        *(f"- {verdict}" for verdict in verdicts),
        "",
        *(f"- *{work}*: {meaning}" for work, meaning in MEANING.items()),
        "",
        "shakedown verifies chain and name in every handshake (`--ca`, `--verify every`); wrk, h2load and ab verify nothing. ab sends HTTP/1.0 and the server closes; shakedown",
        "says `Connection: close` and closes with close_notify and a reset as soon as it has the answer. nginx has both certificates: shakedown",
        f"asks for the ECDSA one, and OpenSSL's defaults, which the others use, get it too (`s_client`: {signature()}).",
        *quarrel(rows),
        "",
        "## Machine and versions",
        "",
        f"- {cpu_model()}, {os.cpu_count()} hardware threads, Linux {platform.release().split('-')[0]}",
        f"- load average at the end: {os.getloadavg()[0]:.2f}",
        *(f"- {version}" for version in versions()),
        "",
        "## What nginx saw",
        "",
        "One run of 1 s each, apart from the measured ones, with an access log: `requests  protocol suite group resumed` (`r` resumed, `.` full).",
        "",
        "```",
        *(f"{work:<10} {client:<10} {n:>7}  {kind}" for work, client, kind, n in seen),
        "```",
        "",
        "## Commands",
        "",
        "```",
        *(tidy(command) for clients in shown.values() for command in clients.values()),
        "```",
        "",
        "The ratios are what to read: absolute figures move with whatever else the machine does.",
    ]
    with open(f"{OUT}/README.md", "w") as file:
        file.write("\n".join(page) + "\n")


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    print("\n".join(versions()))
    seen = negotiated()
    rows = run_all()
    with open(f"{OUT}/raw.csv", "w", newline="") as file:
        table = csv.DictWriter(file, fieldnames=rows[0])
        table.writeheader()
        table.writerows(rows)
    lines, verdicts = summary(rows)
    readme(rows, seen, lines, verdicts)
    print("\n".join(["", *lines, "", *verdicts, "", f"written to {OUT}"]))


main()
