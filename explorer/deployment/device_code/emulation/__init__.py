"""Exported programs on an emulated board: built for a device, linked into its memory, run and measured."""
