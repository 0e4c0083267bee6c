"""Run folders: built from a search's outcome, opened again, and their designs exported."""
