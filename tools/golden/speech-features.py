#!/usr/bin/env python3
"""Golden values of the speech front end, by its published formulas in double precision (python3-numpy, python3-scipy).

    /usr/bin/python3 tools/golden/speech-features.py > tests/EdgeRnn.Tests/Golden/speech-features.json

Frames, Hann window and mel filters are librosa's (stft with center=False; filters.mel with htk=True, norm=None, or with
htk=False, norm="slaney"), MFCC the orthonormal DCT-II of scipy, slopes HTK's regression (The HTK Book, 5.9), PCEN that of
librosa.pcen with the first frame's energies to begin with. Audio is made from integers, so that any program makes the same.
"""
import json

import numpy as np
from scipy.fft import dct, rfft
from scipy.signal import lfilter
from scipy.signal.windows import hann


def audio(count, rate):
    """A noise that swells, with two tones in it: int16 from a linear congruential generator."""
    state, samples = 1, []
    for n in range(count):
        state = (state * 1103515245 + 12345) % 2**31
        noise = state // 65536 - 16384
        square = 8000 if n * 440 // rate % 2 else -8000
        samples.append(noise * n // count // 4 + square * (n * 3 // count) // 3 + n % (rate // 3000) * 500)
    return np.array(samples) / 32768


def mel_of(f, scale):
    if scale == "htk":
        return 2595 * np.log10(1 + f / 700)
    return np.where(f < 1000, f * 3 / 200, 15 + 27 * np.log(np.maximum(f, 1e-9) / 1000) / np.log(6.4))


def hz_of(m, scale):
    if scale == "htk":
        return 700 * (10 ** (m / 2595) - 1)
    return np.where(m < 15, m * 200 / 3, 1000 * 6.4 ** ((m - 15) / 27))


def filters(rate, size, mels, low, high, scale):
    edges = hz_of(np.linspace(mel_of(np.array(low), scale), mel_of(np.array(high), scale), mels + 2), scale)
    bins = np.arange(size // 2 + 1) * rate / size
    up = (bins[None] - edges[:-2, None]) / np.diff(edges)[:-1, None]
    down = (edges[2:, None] - bins[None]) / np.diff(edges)[1:, None]
    weights = np.maximum(0, np.minimum(up, down))
    return weights * (2 / (edges[2:] - edges[:-2]))[:, None] if scale == "slaney" else weights


def slopes(x):
    padded = np.concatenate([x[:1], x[:1], x])
    return np.array([(padded[t + 1] - padded[t - 1] + 2 * (padded[t + 2] - padded[t - 2])) / 10
                     for t in range(2, len(padded) - 2)])


def features(x, kind, rate, length, step, mels, coefficients, low, high, scale, deltas, running, floor):
    size = 2 ** int(np.ceil(np.log2(length)))
    frames = np.array([x[s:s + length] for s in range(0, len(x) - length + 1, step)]) * hann(length, sym=False)
    energies = (np.abs(rfft(frames, size)) ** 2) @ filters(rate, size, mels, low, high, scale).T
    if kind == "pcen":
        frames_of_time = 0.4 * rate / step
        s = (np.sqrt(1 + 4 * frames_of_time ** 2) - 1) / (2 * frames_of_time ** 2)
        smooth = lfilter([s], [1, s - 1], energies, axis=0, zi=(1 - s) * energies[:1])[0]
        y = (energies / (floor + smooth) ** 0.98 + 2) ** 0.5 - 2 ** 0.5
    else:
        y = np.log(np.maximum(energies, floor))
    if kind == "mfcc":
        y = dct(y, type=2, norm="ortho", axis=1)[:, :coefficients]
    if running:
        mean, variance, out = np.zeros(y.shape[1]), np.ones(y.shape[1]), []
        for n, row in enumerate(y, 1):
            mean = mean + max(1 / n, 1 / running) * (row - mean)
            variance = variance + ((row - mean) ** 2 - variance) / running
            out.append((row - mean) / np.sqrt(np.maximum(variance, 1e-4)))
        y = np.array(out)
    parts = [y]
    for _ in range(deltas):
        d = slopes(parts[-1])
        parts = [p[:len(d)] for p in parts] + [d]
    return np.concatenate(parts, axis=1)


CASES = [
    # text, rate of the audio, samples, what the text means
    ("logmel:40", 16000, 1600, dict(kind="logmel", length=400, step=160, mels=40, low=20, high=8000)),
    ("logmel:32,frame=32,hop=16,low=100,high=3800,scale=slaney,floor=0.001", 8000, 1600,
     dict(kind="logmel", length=256, step=128, mels=32, low=100, high=3800, scale="slaney", floor=1e-3)),
    ("mfcc:13,deltas=2", 16000, 2400,
     dict(kind="mfcc", length=400, step=160, mels=40, coefficients=13, low=20, high=8000, deltas=2)),
    ("mfcc:20,mels=64,scale=slaney,running=0.1", 22050, 2400,
     dict(kind="mfcc", length=551, step=220, mels=64, coefficients=20, low=20, high=11025, scale="slaney", running=10)),
    ("pcen:40,deltas=1", 16000, 2400, dict(kind="pcen", length=400, step=160, mels=40, low=20, high=8000, deltas=1)),
    ("logmel:80", 48000, 3600, dict(kind="logmel", length=1200, step=480, mels=80, low=20, high=24000)),
]
USUAL = dict(coefficients=0, scale="htk", deltas=0, running=0, floor=1e-6)

cases = []
for text, rate, count, meaning in CASES:
    values = features(audio(count, rate), rate=rate, **{**USUAL, **meaning})
    cases.append({"features": text, "rate": rate, "samples": count, "width": values.shape[1],
                  "values": [float("%.8g" % v) for v in values.flatten()]})
print(json.dumps(cases, indent=0))
