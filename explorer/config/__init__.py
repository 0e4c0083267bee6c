"""Configurations of the commands: every option checked, all faults said at once."""
