"""Makes a page of each notebook, with the outputs that are stored in it; nothing is executed here."""

from pathlib import PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Called by MkDocs with the files of the site."""
    for file in list(files):
        if file.src_uri.endswith(".ipynb"):
            for made in _page(file, config):
                files.append(made)
    return files


def _page(file: File, config: MkDocsConfig) -> list[File]:
    """The page, and the pictures that it shows."""
    source = PurePosixPath(file.src_uri)
    text, resources = MarkdownExporter().from_filename(
        file.abs_src_path, resources={"output_files_dir": f"{source.stem}-outputs"}
    )
    # Tables without a class get the site's style.
    text = text.replace('<table border="1" class="dataframe">', "<table>").replace(
        "![png]", "![What the cell above shows]"
    )
    text += f"\n[This notebook as a file]({source.name})\n"
    pictures = [
        File.generated(config, str(source.parent / name), content=content)
        for name, content in resources["outputs"].items()
    ]
    return [File.generated(config, str(source.with_suffix(".md")), content=text), *pictures]
