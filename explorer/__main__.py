"""``python -m explorer`` is the command ``filterfront``."""

from explorer.cli import main

main()
