#!/usr/bin/env python3
"""An LSTM for MNIST digits, a row of pixels a step, as a user of PyTorch trains and exports it (Debian: python3-torch).

    /usr/bin/python3 tools/golden/torch-mnist.py MNIST_FOLDER OUT.onnx [EPOCHS]

Writes the network, and one JSON object with its accuracy on the 10,000 test digits to standard output.
"""
import gzip
import json
import os
import sys
import time
import warnings

import numpy
import torch
from torch import nn

warnings.filterwarnings("ignore")
UNITS, BATCH = 128, 100


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(28, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, 10)

    def forward(self, rows):
        states, _ = self.lstm(rows / 255)
        return self.head(states[:, -1])


def read(folder, part):
    def values(name, header):
        path = os.path.join(folder, "%s-%s-ubyte.gz" % (part, name))
        with gzip.open(path) as file:
            return numpy.frombuffer(file.read(), numpy.uint8)[header:]

    rows = values("images-idx3", 16).reshape(-1, 28, 28).astype(numpy.float32)
    return torch.from_numpy(rows), torch.from_numpy(values("labels-idx1", 8).astype(numpy.int64))


folder, path = sys.argv[1:3]
epochs = int(sys.argv[3]) if len(sys.argv) > 3 else 4
torch.manual_seed(1)
network = Digits()
rows, labels = read(folder, "train")
optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
start = time.time()
for epoch in range(epochs):
    for batch in torch.randperm(len(rows)).split(BATCH):
        loss = nn.functional.cross_entropy(network(rows[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch %d of %d: last loss %.3f, %.0f s" % (epoch + 1, epochs, loss, time.time() - start), file=sys.stderr)

network.eval()
rows, labels = read(folder, "t10k")
with torch.no_grad():
    correct = sum((network(r).argmax(1) == l).sum().item() for r, l in zip(rows.split(500), labels.split(500)))
torch.onnx.export(
    network, rows[:1], path, opset_version=13, input_names=["rows"], output_names=["logits"],
    dynamic_axes={"rows": {0: "batch", 1: "steps"}})
print(json.dumps({"accuracy": correct / len(labels), "epochs": epochs, "torch": torch.__version__}, separators=(",", ":")))
