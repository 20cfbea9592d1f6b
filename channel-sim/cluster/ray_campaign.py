#!/usr/bin/env python3
"""Spreads one link campaign over a Ray cluster, or over the cores of one machine.

    python3 ray_campaign.py --shards 16 --binary target/release/channel-sim --folder campaign \\
        --csv fer.csv --svg fer.svg -- --standard g3,prime --frames 100000

What stands behind `--` are arguments of `channel-sim link`. Each shard is a task with one core; its state comes back
to the folder, so a second run goes on where the first was stopped, and shards that are done cost nothing. The results
are those of one run on one machine, byte for byte.

`--pool ray` (the default) needs the package ray and joins the cluster of `--address`, or starts one on this machine.
`--pool processes` needs Python alone. The program must be at the same path on every machine.

Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

import argparse
import concurrent.futures
import os
import subprocess
import sys
import tempfile


def run_shard(binary, words, index, count, state):
    """Runs one shard from a state (bytes, or None); returns its number, its state and what went wrong, if anything."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "state.json")
        if state is not None:
            with open(path, "wb") as file:
                file.write(state)
        command = [binary, "link", *words, "--threads", "1", "--shard", f"{index}/{count}", "--state", path]
        done = subprocess.run(command, capture_output=True, text=True)
        problem = None if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"
        if os.path.exists(path):
            with open(path, "rb") as file:
                state = file.read()
        return index, state, problem


def on_ray(address, binary, words, count, states):
    """Yields the shards' outcomes as they come."""
    import ray

    ray.init(address=address, include_dashboard=False, log_to_driver=False)
    try:
        task = ray.remote(num_cpus=1, max_retries=3)(run_shard)
        waiting = [task.remote(binary, words, index, count, state) for index, state in states.items()]
        while waiting:
            ready, waiting = ray.wait(waiting, num_returns=1)
            yield ray.get(ready[0])
    finally:
        ray.shutdown()


def on_processes(binary, words, count, states):
    """Yields the shards' outcomes as they come."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        futures = [pool.submit(run_shard, binary, words, index, count, state) for index, state in states.items()]
        for future in concurrent.futures.as_completed(futures):
            yield future.result()


def save(path, content):
    """Writes a file so that at any moment either the old one or the new one is there, whole."""
    part = path + ".part"
    with open(part, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n", maxsplit=1)[0],
        epilog="What stands behind -- are arguments of `channel-sim link`.",
    )
    parser.add_argument("--shards", type=int, required=True, help="parts; no more than the campaign has points")
    parser.add_argument("--binary", default="channel-sim", help="the program, at the same path on every machine")
    parser.add_argument("--folder", required=True, help="where the shards' states are kept")
    parser.add_argument("--pool", choices=["ray", "processes"], default="ray", help="what runs the shards")
    parser.add_argument("--address", help="the Ray cluster, say auto; by default one on this machine")
    for name in ("csv", "parquet", "svg"):
        parser.add_argument(f"--{name}", help=f"write the merged results as {name.upper()}")
    parser.add_argument("words", nargs="*", help="arguments of channel-sim link")
    arguments = parser.parse_args()
    if arguments.shards < 1:
        parser.error(f"--shards {arguments.shards}: use 1 or more")

    os.makedirs(arguments.folder, exist_ok=True)
    paths = {index: os.path.join(arguments.folder, f"part-{index}.json") for index in range(1, arguments.shards + 1)}
    states = {}
    for index, path in paths.items():
        states[index] = None
        if os.path.exists(path):
            with open(path, "rb") as file:
                states[index] = file.read()

    binary, words, count = arguments.binary, arguments.words, arguments.shards
    if arguments.pool == "ray":
        outcomes = on_ray(arguments.address, binary, words, count, states)
    else:
        outcomes = on_processes(binary, words, count, states)
    problems = []
    for done, (index, state, problem) in enumerate(outcomes, 1):
        if state is not None:
            save(paths[index], state)
        if problem:
            problems.append(f"shard {index}/{count}: {problem}")
        print(f"{done} of {count} shards: {index}/{count} {'failed' if problem else 'done'}", file=sys.stderr)
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1

    merge = [binary, "merge", *paths.values()]
    for name in ("csv", "parquet", "svg"):
        if getattr(arguments, name):
            merge += [f"--{name}", getattr(arguments, name)]
    return subprocess.run(merge).returncode


if __name__ == "__main__":
    sys.exit(main())
