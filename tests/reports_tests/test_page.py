"""The page, read as a browser's parser would: whole, escaped, and without anything to fetch."""

import dataclasses
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reports.errors import ReportError
from reports.page import page_html
from reports.records import RunInfo
from reports.render import render
from reports.run_folder import write_run
from reports.run_record import RunRecord

VOID = {"meta", "br", "hr", "img", "link", "input"}
NASTY = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Elements with their attributes, the text of each script, and tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.scripts: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)
        if self.open and self.open[-1] == "script":
            self.scripts[self.elements[-1][1].get("id", "code")] = data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        return [
            have
            for name, have in self.elements
            if name == tag and all(have.get(key.replace("_", "-")) == value for key, value in attributes.items())
        ]


@pytest.fixture(scope="module")
def page(run: RunRecord) -> Page:
    return Page(page_html(run))


def test_every_element_closes(page: Page) -> None:
    assert page.open == []


def test_nothing_is_fetched(page: Page) -> None:
    links = [
        value for _, have in page.elements for name, value in have.items() if name in ("src", "href", "srcset", "data")
    ]
    first = json.loads(page.scripts["layers-data"])["first"]
    here = ["front.csv", "trials.csv", "layers.csv", f"designs/{first}.json", f"designs/{first}.json"]
    assert links == ["#front", *here, "https://doi.org/10.1609/aaai.v35i9.17002"]  # files beside it; the one citation
    assert not {tag for tag, _ in page.elements} & {"link", "img", "iframe", "object", "embed", "base", "form"}
    assert not re.search(
        r"url\((?!#view|#head)|@import|fetch\(|XMLHttpRequest|import\(",
        "".join(page.texts["style"] + page.texts["script"]),
    )
    policy = page.all("meta", http_equiv="Content-Security-Policy")[0]["content"]
    assert policy.startswith("default-src 'none'")


def test_the_picture_has_every_mark_of_the_front(page: Page, run: RunRecord) -> None:
    marks = page.all("g", data_kind="front")
    assert [mark["data-design"] for mark in marks] == run.front["design"].tolist()
    assert all(mark["tabindex"] == "0" and mark["data-tip"].startswith(mark["data-design"]) for mark in marks)


def test_the_tables_have_a_row_for_every_design_and_baseline(page: Page, run: RunRecord) -> None:
    best_first = run.front.sort_values("accuracy", ascending=False)["design"].tolist()
    assert [row["data-design"] for name, row in page.elements if name == "tr" and "data-design" in row] == best_first
    assert [text for text in page.texts["td"] if text.startswith("dense ")] == run.baselines["name"].tolist()
    sortable = page.all("table", **{"class": "sortable"})
    assert len(sortable) == 2


def test_numbers_say_where_they_come_from(page: Page) -> None:
    origins = {text for text in page.texts["small"] if text.strip()}
    assert origins == {"counted", "measured", "given"}


def test_layers_are_json_and_whole(page: Page, run: RunRecord) -> None:
    layers = json.loads(page.scripts["layers-data"])
    assert set(layers["designs"]) == set(run.front["design"])
    first = layers["designs"][layers["first"]]["bars"]
    rows = run.layers[run.layers["design"] == layers["first"]]
    assert [sum(bits) for _, _, bits, *_ in first] == rows["storage_bits"].tolist()
    assert [layers["layers"][layer] for layer, *_ in first] == rows[["layer", "shape", "weights"]].to_numpy().tolist()
    forms = [layers["forms"][form] for _, form, *_ in first]
    assert forms == rows[["method", "scheme", "execution"]].to_numpy().tolist()
    methods = json.loads(page.scripts["methods-data"])
    assert {method for method, _, _ in layers["forms"]} <= set(methods)


def test_provenance_warnings_and_conventions_are_there(run: RunRecord) -> None:
    text = page_html(run)
    for part in ("sha256:00ff", "torch 2.13.0", "--seed 7", "aten.roll", "block0.conv1", "ceil(log2 k)", "sampler=tpe"):
        assert part in text


def nasty(run: RunRecord) -> RunRecord:
    """The run with markup in every name that a user can choose."""
    info = run.info.to_json()
    info["network"] |= {"name": NASTY, "kept_dense": [NASTY], "weights_origin": NASTY}
    info["network"]["unknown_operations"] = [{"name": NASTY, "kind": NASTY, "reason": NASTY}]
    info["budgets"][0] |= {"name": NASTY, "origin": f'"{NASTY}'}
    info |= {"command": NASTY, "configuration": {NASTY: NASTY}}
    info["device"] |= {"name": NASTY, "title": NASTY}
    info["references"][0] |= {"url": "javascript:alert(1)", "title": NASTY}
    front = run.front.assign(main_method=NASTY)
    layers = run.layers.assign(layer=NASTY, scheme=NASTY, method=NASTY)
    return dataclasses.replace(run, info=RunInfo.parse(info, "run.json"), front=front, layers=layers)


def test_names_are_escaped_everywhere(run: RunRecord) -> None:
    text = page_html(nasty(run))
    plain, page = page_html(run), Page(text)
    assert NASTY not in text
    assert text.count("<script") == plain.count("<script")
    assert text.count("</script") == plain.count("</script")
    assert json.loads(page.scripts["layers-data"])["layers"][0][0] == NASTY
    assert page.open == []


def test_only_web_addresses_become_links(run: RunRecord) -> None:
    page = Page(page_html(nasty(run)))
    assert not [link for link in page.all("a") if "javascript" in link["href"] or ":" in link["href"]]


def test_infinite_values_are_text_in_json(run: RunRecord) -> None:
    exact = dataclasses.replace(run, layers=run.layers.assign(sqnr_db=float("inf")))
    layers = json.loads(
        Page(page_html(exact)).scripts["layers-data"],
        parse_constant=lambda name: pytest.fail(f"{name} is no JSON"),
    )
    assert "exact" in layers["designs"][layers["first"]]["bars"][0]


def test_without_data_the_page_says_so(make_run: Callable[..., RunRecord]) -> None:
    text = page_html(make_run(("distortion", "storage"), data=False, layers=2))
    assert "No data were given: accuracy is unknown." in text
    assert "Test accuracy" not in text


def test_where_nothing_fits_the_page_shows_the_least_reached(run: RunRecord) -> None:
    text = page_html(dataclasses.replace(run, front=run.front[:0], layers=run.layers[:0], designs={}))
    assert "No measured design keeps every budget." in text
    assert "Least flash measured" in text
    assert Page(text).all("section", id="layers") == []


def test_render_writes_pictures_and_page(tmp_path: Path, make_run: Callable[..., RunRecord]) -> None:
    folder = write_run(tmp_path / "run", make_run(layers=3, trials=60))
    page = render(folder)
    assert page == folder / "report.html"
    names = {"front.png", "front.svg", "layers.png", "layers.svg", "report.html"}
    assert names <= {path.name for path in folder.iterdir()}
    assert "Hypervolume" in page.read_text(encoding="utf-8")
    assert not list(folder.glob(".writing-*"))


def test_render_shows_the_design_that_is_asked_for(tmp_path: Path, make_run: Callable[..., RunRecord]) -> None:
    run = make_run(layers=2, trials=60)
    folder = write_run(tmp_path / "run", run)
    last = run.front["design"].iloc[-1]
    assert json.loads(Page(render(folder, last).read_text(encoding="utf-8")).scripts["layers-data"])["first"] == last
    with pytest.raises(ReportError, match="got nobody; layers are shown of a front design"):
        render(folder, "nobody")
