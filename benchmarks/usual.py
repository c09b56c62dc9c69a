"""How well unknown photos are told: scenes against photographs, and against kinds left out.

The demo's features of drawn scenes, EfficientNet-Lite0's of photographs of roads; the photographs
are those of the folder that THERESA_SHARED names. Unknown photos are told by several statistics,
then by the served code, in draws.
"""

import csv
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import efficientnet, harness
from benchmarks.usual_statistics import STATISTICS, Distance
from benchmarks.whisper_quality_runs import folder
from clip_caption.building.checkpoint import DEMO
from clip_caption.building.convert import convert
from clip_caption.building.usual import learn
from clip_caption.captioner import Captioner
from clip_caption.exploring import encoders
from clip_caption.exploring.grouping import near_copies
from clip_caption.index import normalised
from clip_caption.preparing.copies import NEAR_BITS, perceptual_hash
from clip_caption.usual import FILE, MIN_USUAL, Known
from demos.clip_caption import scenes
from zoo.data.images import decode
from zoo.training.leaks import linked

TITLE = "Unknown photos: how usual a photo is"
KNOWN, UNSEEN, WIDTH = 2400, 500, 192  # scenes that are known, that aren't; pixels
SEEDS = {KNOWN: 12, UNSEEN: 14}  # of the captions' training; of the demo's test set
DRAWS, DRAWN, FOLDS = 20, 1000, 10
Photos = tuple[np.ndarray, np.ndarray]  # features, L2-normalised, (n, d); perceptual hashes, (n,)
