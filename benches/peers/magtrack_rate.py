"""Bead images per second of MagTrack, x, y and z, from pixels in memory: magtrack_rate.py ROI_PX PROCESSES

Prints one number. Every process tracks its own images for some seconds after a warm-up. The images are rings of known
centre and height with shot noise; what they show hardly changes how long MagTrack takes.
"""

import sys
import time
from multiprocessing import Barrier, Process, Queue

import magtrack
import numpy as np

IMAGES = 400
SECONDS = 4.0


def rings(roi_px, x, y, z):
    column, row = np.meshgrid(np.arange(roi_px), np.arange(roi_px))
    path = np.sqrt((column - x) ** 2 + (row - y) ** 2 + 9.0)
    return 115.0 + 100.0 * np.exp(-(path**2) / 450.0) * np.cos((1.25 - 0.15 * z / 1000.0) * path) / (1.0 + 0.08 * path)


def work(roi_px, barrier, rates):
    random = np.random.default_rng(1)
    middle = roi_px // 2
    heights = np.arange(0.0, 4001.0, 100.0)
    planes = np.stack([rings(roi_px, middle, middle, z) for z in heights], axis=2)
    centers = np.full(len(heights), float(middle))
    zlut = np.vstack([heights, magtrack.radial_profile(planes, centers, centers)])
    beads = [rings(roi_px, *(middle + random.uniform(-1, 1, 2)), random.uniform(300, 3700)) for _ in range(IMAGES)]
    stack = np.round(random.normal(np.stack(beads, axis=2), 3.0)).clip(0, 255)
    magtrack.stack_to_xyzp(stack, zlut)
    barrier.wait()
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        magtrack.stack_to_xyzp(stack, zlut)
        done += IMAGES
    rates.put(done / (time.perf_counter() - start))


if __name__ == "__main__":
    roi_px, processes = int(sys.argv[1]), int(sys.argv[2])
    barrier, rates = Barrier(processes), Queue()
    workers = [Process(target=work, args=(roi_px, barrier, rates)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    total = sum(rates.get() for _ in workers)
    for worker in workers:
        worker.join()
    print(f"{total:.0f}")
