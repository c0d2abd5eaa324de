"""What a program and all its processes use: live_usage.py LIMIT_S COMMAND [ARGUMENT ...]

Runs the command in a session of its own and prints one JSON object: the one that the command printed last, with
`cpu_cores` (cores kept busy), `pss_mib` (the most memory at one time; shared pages count once) and `processes`. If the
command's object says `from_s` and `to_s`, seconds since 1970, CPU is that of this time; else that of all but the first
two seconds. Whatever of the session still runs in the end is killed; a command that takes longer than LIMIT_S is too.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

EVERY_S = 0.5
START_S = 2.0
# For a program that has printed its object and does not come to an end.
GRACE_S = 20.0
TICK_HZ = os.sysconf("SC_CLK_TCK")


def processes(session):
    """Process id and CPU seconds of every process of the session, those that it waited for included."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                # The name of the command, in brackets, may hold spaces.
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found[int(name)] = sum(map(int, fields[11:13])) / TICK_HZ
    return found


def pss_mib(pids):
    kib = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
                kib += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except OSError:
            continue
    return kib / 1024


def last_object(file):
    file.seek(0)
    lines = [line for line in file.read().splitlines() if line.startswith("{")]
    try:
        return json.loads(lines[-1]) if lines else None
    except ValueError:
        return None


def end(session):
    """Asks first: the helper that takes away Python's shared memory outlives that, and needs a moment to do so."""
    for what, patience_s in [(signal.SIGTERM, 5.0), (signal.SIGKILL, 0.0)]:
        for pid in processes(session):
            try:
                os.kill(pid, what)
            except OSError:
                pass
        until_s = time.time() + patience_s
        while processes(session) and time.time() < until_s:
            time.sleep(0.1)


def cores(samples, from_s, to_s):
    """Cores kept busy between two times: what each process used between its first and last sample in there."""
    inside = [(at, used) for at, used in samples if from_s <= at <= to_s]
    if len(inside) < 2:
        return None
    first, last = {}, {}
    for index, (_, used) in enumerate(inside):
        for pid, cpu_s in used.items():
            # One that started later used nothing before.
            first.setdefault(pid, cpu_s if index == 0 else 0.0)
            last[pid] = cpu_s
    return sum(last[pid] - first[pid] for pid in last) / (inside[-1][0] - inside[0][0])


def main():
    limit_s, command = float(sys.argv[1]), sys.argv[2:]
    # A signal must not leave the session running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    samples, most_mib, most = [], 0.0, 0
    with tempfile.TemporaryFile("w+") as out:
        start_s = time.time()
        child = subprocess.Popen(command, stdout=out, start_new_session=True)
        try:
            answer, answer_s = None, None
            while time.time() - start_s < limit_s:
                ended = child.poll() is not None
                used = processes(child.pid)
                if not ended:
                    samples.append((time.time(), used))
                    most_mib, most = max(most_mib, pss_mib(used)), max(most, len(used))
                answer = last_object(out)
                answer_s = answer_s or (time.time() if answer else None)
                if ended or (answer_s and time.time() - answer_s > GRACE_S):
                    break
                time.sleep(EVERY_S)
        finally:
            end(child.pid)
            child.wait()
    answer = answer or {}
    window = answer.get("from_s", start_s + START_S), answer.get("to_s", time.time())
    answer.update(cpu_cores=cores(samples, *window), pss_mib=most_mib, processes=most)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
