"""Compares simulated bead images with those of MagTrack: `check_images.py IMAGES.npy Z.npy FOCUS_NM LIMIT`.

IMAGES.npy holds images of a bead of 1500 nm and index 1.59 in water at the heights of Z.npy (nm), one after the other, background at
half of 65535; light of 550 nm, coherent; 100 nm a pixel. Prints the root mean square of the difference and of the contrast, relative
to the background, for each height; exits 1 if the largest ratio of the two is above LIMIT.
"""

import sys

import numpy as np
from magtrack.simulation import simulate_beads

images = np.load(sys.argv[1]) / 32767.5
z_nm, focus_nm = np.load(sys.argv[2]), float(sys.argv[3])
side = images.shape[1]
# Its image is periodic, and its background is what its corner shows: a larger one is nearer to a bead alone.
wide = 4 * side + 3
cut = slice((wide - side) // 2, (wide + side) // 2)


def theirs(distance_nm):
    place = np.array([[0.0, 0.0, distance_nm]])
    return simulate_beads(place, nm_per_px=100.0, size_px=wide, background_level=0.1)[cut, cut, 0] / 0.1


worst = 0.0
for image, z in zip(images, z_nm):
    candidates = {sign: theirs(sign * (z - focus_nm)) for sign in (1.0, -1.0)}
    rms = {sign: np.sqrt(np.mean((image - other) ** 2)) for sign, other in candidates.items()}
    sign = min(rms, key=rms.get)
    contrast = np.std(candidates[sign])
    worst = max(worst, rms[sign] / contrast)
    print(f"z {z:7.1f} nm (theirs {sign * (z - focus_nm):8.1f}): difference {rms[sign]:.4f}, contrast {contrast:.4f}")
print(f"worst difference: {100 * worst:.1f} % of the contrast")
sys.exit(1 if worst > float(sys.argv[4]) else 0)
