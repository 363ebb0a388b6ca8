"""`sentinel-bench` in a process of its own, with a model that needs no loading; `python driver.py SECONDS ARGUMENTS`.

Every request takes SECONDS longer, so that the process can be ended in the middle of a run. The hash over the sources
is fixed: somebody may be editing them while the test runs.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import Any

from benchmarks import asking, cli, runner, statistics
from strategist import embeddings
from tests.benchmarks.datasets import BagOfWords


def main() -> None:
    # What a shell starts in the background ignores interrupts, and hands that on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pause = float(sys.argv.pop(1))
    serve = asking.DefendedRetriever.invoke

    def slow(self: Any, *args: Any, **options: Any) -> Any:
        time.sleep(pause)
        return serve(self, *args, **options)

    asking.DefendedRetriever.invoke = slow
    runner.BATCH = 2
    runner.code_hash = lambda: "fixed"
    statistics.RESAMPLES = 25
    embeddings.load_embeddings = lambda _: BagOfWords()
    cli.main()


if __name__ == "__main__":
    main()
