"""Processes that joblib keeps for later work, when there is none."""

import sys

__all__ = ["end_idle_processes"]


def end_idle_processes() -> None:
    """Ends them at once, where there are any. A program that ends by itself waits until each of them has taken down all
    libraries that it has loaded, which takes seconds in which nothing is shown."""
    if "joblib.externals.loky.reusable_executor" in sys.modules:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor(reuse=True).shutdown(kill_workers=True)
