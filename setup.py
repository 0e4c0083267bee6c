"""What pyproject.toml cannot say by itself: the README as a package index shows it, and the project's address.

A package index shows no files of a project, so links and pictures of README.md have to lead to where its files are.
Only who publishes a release knows where that is:

    FILTERFRONT_REPOSITORY=https://host/owner/name python -m build

Links then lead to the files of the release's tag, and the repository is in the metadata. Without it links become plain
text and the picture its description, since an address that does not exist helps nobody.
"""

import os
import re
import tomllib
from pathlib import Path

import setuptools

LINK = re.compile(r"(!?)\[([^\]]*)\]\(((?!https?:)[^)]+)\)")


def index_readme(text: str, files: str | None) -> str:
    """README.md for a package index.

    Args:
        text: the README, with links that are relative to the project.
        files: the address of the project's files; None where there is none.

    >>> index_readme("see [it](docs/a.md) ![A picture](docs/a.png)", "https://host/owner/name/raw/v1")
    'see [it](https://host/owner/name/raw/v1/docs/a.md) ![A picture](https://host/owner/name/raw/v1/docs/a.png)'
    >>> index_readme("see [it](docs/a.md) ![A picture](docs/a.png)", None)
    'see it *A picture*'
    """

    def link(found: re.Match[str]) -> str:
        picture, shown, target = found.groups()
        if files:
            return f"{picture}[{shown}]({files}/{target})"
        return f"*{shown}*" if picture else shown

    return LINK.sub(link, text)


def main() -> None:
    """Hands both to setuptools."""
    repository = os.environ.get("FILTERFRONT_REPOSITORY", "").rstrip("/") or None
    here = Path(__file__).parent
    version = tomllib.loads((here / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    setuptools.setup(
        long_description=index_readme(
            (here / "README.md").read_text(encoding="utf-8"), repository and f"{repository}/raw/v{version}"
        ),
        long_description_content_type="text/markdown",
        project_urls={"Repository": repository} if repository else {},
    )


if __name__ == "__main__":
    main()
