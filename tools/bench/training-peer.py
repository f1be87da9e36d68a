#!/usr/bin/env python3
"""How fast PyTorch trains the networks of `edgernn bench --training`.

On Debian: apt-get install python3-torch libopenblas0-openmp. Without the latter it multiplies matrices with the reference
BLAS, at a tenth of the speed, and is not measured.

    /usr/bin/python3 tools/bench/training-peer.py [--json] [THREADS ...]

The same work: batches of noise, forward, cross-entropy, backward, Adam, float32; the median of seven epochs of twelve
batches, after three that are not counted. `edgernn bench --training --against torch` runs it and prints the ratio.
"""
import json
import os
import re
import statistics
import sys
import time

# The best kernels that OpenBLAS has: those that it chooses by itself on processors newer than it are slower than this.
if "avx512f" in open("/proc/cpuinfo").read():
    os.environ.setdefault("OPENBLAS_CORETYPE", "SKYLAKEX")

import torch  # noqa: E402

BATCHES, UNCOUNTED, COUNTED = 12, 3, 7
# cell, layer, units, inputs, steps, batch, classes
WORKLOADS = [
    ("lstm:128", torch.nn.LSTM, 128, 28, 28, 128, 10),
    ("gru:128", torch.nn.GRU, 128, 28, 28, 128, 10),
    ("rnn:128", torch.nn.RNN, 128, 28, 28, 128, 10),
    ("lstm:32", torch.nn.LSTM, 32, 9, 128, 64, 6),
]


def blas():
    """What multiplies matrices here; Debian has a folder for each that may stand behind libblas.so."""
    torch.mm(torch.ones(64, 64), torch.ones(64, 64))
    files = re.findall(r"/\S*/lib\S*(?:blas|blis|mkl)\S*\.so\S*", open("/proc/self/maps").read())
    folders = {os.path.basename(os.path.dirname(os.path.realpath(f))) for f in files}
    if folders == {"blas"}:
        sys.exit("PyTorch has only the reference BLAS, a tenth as fast as others; apt-get install libopenblas0-openmp.")
    return ", ".join(sorted(folders - {"blas"})) or "a library of its own"


def samples_per_second(layer, units, inputs, steps, batch, classes):
    torch.manual_seed(1)
    cell, head = layer(inputs, units), torch.nn.Linear(units, classes)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()])
    data = [
        (torch.rand(steps, batch, inputs) * 2 - 1, torch.randint(classes, (batch,)))
        for _ in range(BATCHES)
    ]
    speeds = []
    for epoch in range(UNCOUNTED + COUNTED):
        begin = time.perf_counter()
        for x, y in data:
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(head(cell(x)[0][-1]), y)
            loss.backward()
            optimizer.step()
        if epoch >= UNCOUNTED:
            speeds.append(BATCHES * batch / (time.perf_counter() - begin))
    return statistics.median(speeds)


def main():
    library = blas()
    arguments = [a for a in sys.argv[1:] if a != "--json"]
    models = []
    for name, *workload in WORKLOADS:
        for threads in [int(a) for a in arguments] or [1, 2]:
            torch.set_num_threads(threads)
            speed = samples_per_second(*workload)
            models.append({"cell": name, "threads": threads, "samples_per_second": round(speed, 1)})
    if "--json" in sys.argv:
        print(json.dumps({"torch": torch.__version__, "blas": library, "models": models}))
        return
    print(f"PyTorch {torch.__version__}, {library}")
    for m in models:
        print(f"  {m['cell']:10} {m['threads']:7} {m['samples_per_second']:10,.0f}")


main()
