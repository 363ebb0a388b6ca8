"""On a processor, too, only the tokens of a response are held against the vocabulary.

TRL 1.16 scores every position, prompts and padding included, wherever Triton does not run, and masks them afterwards:
a varying number of positions would be compiled anew each time on some accelerators. A processor compiles nothing, and
with Gemma's 262,144 words that is most of a step.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trl.trainer import utils

_NAME = "_use_triton"
"""In this module of TRL's it decides which positions are scored, and nothing else."""
_lock = threading.Lock()
_inside = 0
_original: Any = None


@contextmanager
def responses_alone() -> Iterator[None]:
    """Meanwhile TRL's log-probabilities are taken at the positions of responses alone; they are the same numbers."""
    global _inside, _original
    with _lock:
        if not _inside:
            _original = getattr(utils, _NAME)
            setattr(utils, _NAME, lambda device: device.type == "cpu" or _original(device))
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                setattr(utils, _NAME, _original)
