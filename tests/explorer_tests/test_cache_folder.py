from pathlib import Path

import platformdirs

from explorer.system.cache_folder import cache_folder


def test_the_environment_names_the_folder(monkeypatch):
    monkeypatch.setenv("FILTERFRONT_CACHE", "/some/where")
    assert cache_folder() == Path("/some/where")
    monkeypatch.setenv("FILTERFRONT_CACHE", "")
    assert cache_folder() == Path(platformdirs.user_cache_dir("filterfront"))
    monkeypatch.delenv("FILTERFRONT_CACHE")
    assert cache_folder().name == "filterfront"
