"""The bundled data set: invented private records and reference passages, with questions and attacks on them.

The frozen files stand in `DATA` and are `generate(FROZEN_SEED)`; `write` makes another set of the same size
and quality from another seed, for checking that a result is not owed to these very rows.
"""

from .generate import DATA, FROZEN_SEED, generate, write

__all__ = ["DATA", "FROZEN_SEED", "generate", "write"]
