"""Processes that joblib keeps for later work, when there is none."""

import sys

__all__ = ["end_idle_processes"]


def end_idle_processes() -> None:
    """Ends them at once, where there are any. A program that ends by itself waits until each of them has taken down all
    libraries that it has loaded, which takes seconds in which nothing is shown."""
    # Looked up and not imported: where Ctrl-C came while joblib was being loaded, an import of it ends in a fault.
    executor = getattr(sys.modules.get("joblib.externals.loky.reusable_executor"), "_executor", None)
    if executor is not None:
        executor.shutdown(kill_workers=True)
