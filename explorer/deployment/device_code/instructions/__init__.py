"""How many instructions a program's steps take on a core: named amounts of work, and the instructions of each."""
