"""Periodic 3×3 convolutions by PyTorch, which on a processor are oneDNN's, padding included, in the faster of both layouts: the processor's
milliseconds for one, on one thread.

    python convolution.py L CHANNELS BATCH
"""
import sys
import time

import torch
import torch.nn.functional as F

L, n, batch = map(int, sys.argv[1:])
torch.set_num_threads(1)


def best(layout):
    x = torch.randn(batch, n, L, L).to(memory_format=layout)
    w = (torch.randn(n, n, 3, 3) / (9 * n) ** 0.5).to(memory_format=layout)
    times, end = [], time.time() + 2
    with torch.inference_mode():
        while time.time() < end:
            start = time.thread_time()
            F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), w)
            times.append(time.thread_time() - start)
    return min(times)


print(f"{1e3 * min(best(torch.contiguous_format), best(torch.channels_last)):.2f}")
