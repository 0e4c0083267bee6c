"""The page in a real browser, as its readers use it: one headless Chromium for all tests of this module."""

import dataclasses
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pandas as pd
import pytest

from reports.columns import TUNED_FIGURES
from reports.page import page_html
from reports.recommendation import recommended
from reports.run_folder import write_run
from reports.run_record import RunRecord
from reports.text import format_value
from reports.theme import DARK, EDGE_CONTRAST, LIGHT, TEXT_CONTRAST, contrast

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None, reason="needs a browser: apt-get install chromium chromium-driver"
    ),
]
WIDE, NARROW = (1300, 900), (420, 900)
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")


class Reader:
    """A reader of one page.

    Args:
        driver: of the browser.
        address: of the page.
    """

    def __init__(self, driver: Any, address: str) -> None:
        self.driver, self.address = driver, address

    def open(self, fragment: str = "", size: tuple[int, int] = WIDE, scheme: str = "light") -> "Reader":
        """Loads the page again, in a window of that size on light or dark ground."""
        width, height = size
        command = self.driver.execute_cdp_cmd
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        command("Emulation.setDeviceMetricsOverride", metrics)
        command("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.driver.get("about:blank")
        self.driver.get(f"{self.address}{fragment}")
        return self

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def click(self, element: Any) -> None:
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def rows(self) -> list[str]:
        """The designs of the front's table that are shown, in their order."""
        script = "return [...document.querySelectorAll('#designs tbody tr:not([hidden])')].map((r) => r.dataset.design)"
        return list(self.run(script))

    def marks(self) -> dict[str, tuple[float, float]]:
        """Where the front's marks stand in the picture."""
        script = (
            "return [...document.querySelectorAll('#picture .mark[data-kind=front]')]"
            ".map((m) => [m.dataset.design, m.getAttribute('transform')])"
        )
        found = {}
        for design, place in self.run(script):
            x, y = re.findall(r"-?[0-9.]+", place)
            found[design] = (float(x), float(y))
        return found

    def columns(self) -> list[str]:
        """The columns of the front's table that are shown."""
        return [head.get_attribute("data-column") for head in self.all("#designs th") if head.is_displayed()]

    def mark(self, design: str) -> Any:
        return self.one(f"#picture .mark[data-kind=front][data-design='{design}']")

    def choose_axis(self, axis: str, column: str) -> None:
        self.one(f"#axis-{axis} option[value={column}]").click()

    def type(self, text: str) -> None:
        box = self.one("#filter")
        box.clear()
        box.send_keys(text)

    def fragment(self) -> dict[str, str]:
        """What the address holds."""
        return {name: values[0] for name, values in parse_qs(self.run("return location.hash.slice(1)")).items()}


@pytest.fixture(scope="module")
def shown(make_run: Callable[..., RunRecord]) -> RunRecord:
    """A small run whose layers have measured noise."""
    run = make_run(("accuracy", "flash"), layers=6, trials=150)
    return dataclasses.replace(run, layers=run.layers.assign(noise=np.arange(len(run.layers)) % 6 / 100))


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    selenium = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in FLAGS:
        options.add_argument(flag)
    found = selenium.Chrome(options=options, service=Service(DRIVER))
    yield found
    found.quit()


@pytest.fixture(scope="module")
def reader(driver: Any, shown: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    folder = write_run(tmp_path_factory.mktemp("browser") / "run", shown)
    (folder / "report.html").write_text(page_html(shown, None, "runs/shown"), encoding="utf-8")
    return Reader(driver, (folder / "report.html").as_uri())


@pytest.fixture(autouse=True)
def _no_fault_in_the_console(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    faults = request.getfixturevalue("driver").get_log("browser")
    assert [fault["message"] for fault in faults if fault["level"] == "SEVERE"] == []


def best(shown: RunRecord) -> str:
    found = recommended(shown)
    assert found is not None
    return found.design


def test_it_opens_with_the_answer_and_fetches_nothing(reader: Reader, shown: RunRecord) -> None:
    reader.driver.get_log("performance")
    reader.open()
    asked = re.findall(r'"url\\?":\\?"((?:https?|file)://[^"\\]*)', str(reader.driver.get_log("performance")))
    assert {url.split("#")[0] for url in asked} <= {reader.address}
    assert reader.one("h1").text.startswith("synthetic-cnn fits stm32l432 in ")
    assert reader.one("#answer strong").text == best(shown)
    assert reader.one("#answer").location["y"] < 200
    command = f"filterfront export runs/shown --design {best(shown)}"
    assert reader.one("#answer-command").text == command
    folded = reader.run("return [...document.querySelectorAll('details.fold')].map((d) => d.open)")
    assert folded
    assert not any(folded)


def test_copying_the_command(reader: Reader) -> None:
    reader.open()
    origin = {"permissions": ["clipboardReadWrite"]}
    reader.driver.execute_cdp_cmd("Browser.grantPermissions", origin)
    button = reader.one("[data-copies=answer-command]")
    reader.click(button)
    said = reader.driver.execute_async_script(
        "const done = arguments[0]; setTimeout(() => done(document.getElementById('said').textContent), 200)"
    )
    assert said == "The command is copied."


def test_the_picture_has_the_front_and_all_that_is_in_view(reader: Reader, shown: RunRecord) -> None:
    marks = reader.open().marks()
    assert set(marks) == set(shown.front["design"])
    by_flash = sorted(marks, key=lambda name: marks[name][0])
    assert by_flash == shown.front.sort_values("flash_bytes")["design"].tolist()
    by_accuracy = sorted(marks, key=lambda name: -marks[name][1])
    assert by_accuracy == shown.front.sort_values("accuracy")["design"].tolist()
    assert reader.all("#picture .name.strong")[0].text.startswith("recommended: ")


def test_values_read_as_those_of_the_tables(reader: Reader) -> None:
    """The program of the page formats as the tables, which Python made, do."""
    reader.open()
    differ = reader.run(
        """
        const wrong = [];
        for (const row of document.querySelectorAll('#designs tbody tr')) {
          const mark = document.querySelector(`#picture .mark[data-design="${row.dataset.design}"]`);
          const lines = mark.dataset.tip.split("\\n").slice(1);
          for (const [at, head] of [...document.querySelectorAll('#designs th')].entries()) {
            const title = head.firstElementChild.textContent, said = lines.find((line) => line.startsWith(title + " "));
            if (said && said !== `${title} ${row.cells[at].textContent}`) wrong.push([said, row.cells[at].textContent]);
          }
        }
        return wrong;
        """
    )
    assert differ == []


def test_hovering_shows_figures_and_leaves_again(reader: Reader, shown: RunRecord) -> None:
    from selenium.webdriver import ActionChains

    design = best(shown)
    reader.open()
    mark = reader.mark(design)
    reader.run("arguments[0].scrollIntoView({block: 'center'})", mark)
    ActionChains(reader.driver).move_to_element(mark).perform()
    tip = reader.one("#tip")
    assert tip.is_displayed()
    accuracy = shown.front.set_index("design").loc[design, "accuracy"]
    assert f"Accuracy {100 * accuracy:.2f}%" in tip.text
    ActionChains(reader.driver).move_to_element(reader.one("h1")).perform()
    assert not tip.is_displayed()


def test_clicking_a_mark_shows_its_layers_beside_it_and_keeps_it_in_the_address(
    reader: Reader, shown: RunRecord
) -> None:
    reader.open()
    other = shown.front["design"].iloc[-1]
    reader.click(reader.mark(other))
    assert reader.one("#chosen-title").text == other
    assert reader.fragment() == {"design": other}
    rows = shown.layers[shown.layers["design"] == other]
    assert len(reader.all("#chosen-layers tr")) == len(reader.all("#bars tr")) == len(rows) == 6
    assert [head.text for head in reader.all("#chosen-heads th")] == ["Layer", "Bytes", "Bit-ops", "Noise"]
    tip, first = reader.one("#bars tr").get_attribute("data-tip").split("\n"), rows.iloc[0]
    assert tip[:3] == [
        f"{first['layer']}: {first['shape']}",
        first["scheme"],
        f"{first['weights']:,} weights in {first['storage_bits']:,} bits, "
        f"{format_value(32 * first['weights'] / first['storage_bits'], 'ratio')}",
    ]
    assert f"SQNR {first['sqnr_db']:.1f} dB" in tip
    most = rows.loc[rows["noise"].idxmax(), "layer"]
    said = [item.text for item in reader.all("#chosen-places li")]
    assert any(text.startswith("Most noise at its output, so the layer that hurts most: " + most) for text in said)
    assert reader.one("#chosen-command").text.endswith(f"--design {other}")
    assert reader.one("#chosen-file").get_attribute("href").endswith(f"/designs/{other}.json")
    assert reader.one("#designs tr.chosen").get_attribute("data-design") == other
    beside, stage = reader.one("#chosen").rect, reader.one("#stage").rect
    assert beside["x"] >= stage["x"] + stage["width"]


def test_the_address_restores_everything(reader: Reader, shown: RunRecord) -> None:
    other = shown.front["design"].iloc[-1]
    asked = {"design": other, "x": "sram_bytes", "y": "loss", "sort": "flash_bytes:up", "q": "accuracy>50"}
    asked |= {"columns": "flash_bytes,macs"}
    reader.open("#" + "&".join(f"{name}={value}" for name, value in asked.items()))
    assert reader.one("#chosen-title").text == other
    assert reader.one("#axis-x").get_attribute("value") == "sram_bytes"
    assert reader.one("#picture").get_attribute("aria-label") == "Loss against SRAM"
    kept = shown.front[shown.front["accuracy"] > 0.5].sort_values("flash_bytes")["design"].tolist()
    assert reader.rows() == kept
    heads = [head.text.split("\n")[0] for head in reader.all("#designs th") if head.is_displayed()]
    assert [head.rstrip(" ▲") for head in heads] == ["Design", "Flash", "MAC"]
    # What no reader of this page can have chosen is passed over.
    reader.open("#design=<b>&x=__proto__&y=constructor&view=0,0,nan,1&sort=nothing:up&q=%5B(")
    assert reader.one("#chosen-title").text == f"{best(shown)} (recommended)"
    assert reader.rows() == []
    assert reader.one("#found").text == f"0 of {len(shown.front)} designs"


def test_sorting(reader: Reader, shown: RunRecord) -> None:
    reader.open()
    button = reader.one("#designs th[data-column=flash_bytes] button")
    reader.click(button)
    rising = shown.front.sort_values("flash_bytes")["design"].tolist()
    assert reader.rows() == rising
    assert reader.one("#designs th[data-column=flash_bytes]").get_attribute("aria-sort") == "ascending"
    reader.click(button)
    assert reader.rows() == rising[::-1]
    assert reader.fragment() == {"sort": "flash_bytes:down"}


@pytest.mark.parametrize(
    ("text", "keep"),
    [
        ("flash<32KiB", lambda row: row.flash_bytes < 32 * 1024),
        ("flash<=40000 accuracy>=80%", lambda row: row.flash_bytes <= 40_000 and row.accuracy >= 0.8),
        ("accuracy>90 sparse", lambda row: row.accuracy > 0.9 and "sparse" in row.main_method),
        ("no-such-word", lambda row: False),
    ],
)
def test_filtering(reader: Reader, shown: RunRecord, text: str, keep: Callable[[Any], bool]) -> None:
    reader.open().type(text)
    kept = {row.design for row in shown.front.itertuples() if keep(row)}
    assert set(reader.rows()) == kept
    assert reader.one("#found").text == f"{len(kept)} of {len(shown.front)} designs"
    assert reader.fragment()["q"] == text


def test_columns_are_chosen(reader: Reader) -> None:
    reader.open()
    assert "macs" not in reader.columns()
    reader.click(reader.one("#columns summary"))
    reader.click(reader.one("#columns input[value=macs]"))
    reader.click(reader.one("#columns input[value=sram_bytes]"))
    assert "macs" in reader.columns()
    assert "sram_bytes" not in reader.columns()
    reader.click(reader.one("#columns input[value=macs]"))
    reader.click(reader.one("#columns input[value=sram_bytes]"))
    assert reader.fragment() == {}


def test_axes_are_switched(reader: Reader, shown: RunRecord) -> None:
    reader.open()
    offered = {option.get_attribute("value") for option in reader.all("#axis-x option")}
    assert {"flash_bytes", "sram_bytes", "bit_ops", "macs", "accuracy", "loss", "distortion"} <= offered
    reader.choose_axis("x", "bit_ops")
    reader.choose_axis("y", "loss")
    marks = reader.marks()
    assert set(marks) == set(shown.front["design"])
    assert sorted(marks, key=lambda name: marks[name][0]) == shown.front.sort_values("bit_ops")["design"].tolist()
    assert sorted(marks, key=lambda name: -marks[name][1]) == shown.front.sort_values("loss")["design"].tolist()
    assert reader.fragment() == {"x": "bit_ops", "y": "loss"}
    assert reader.one("#picture .title").text.startswith("Bit-ops, ")


def test_dragging_zooms_and_the_table_follows(reader: Reader) -> None:
    from selenium.webdriver import ActionChains

    reader.open()
    reader.run("document.getElementById('stage').scrollIntoView({block: 'center'})")
    before = reader.marks()
    picture = reader.one("#picture")
    middle = picture.size["width"] / 2
    ActionChains(reader.driver).move_to_element(picture).click_and_hold().move_by_offset(
        int(middle) - 20, -150
    ).release().perform()
    after = reader.marks()
    assert 0 < len(after) < len(before)
    assert len(reader.fragment()["view"].split(",")) == 4
    reader.click(reader.one("#in-view"))
    assert set(reader.rows()) == set(after)
    reader.click(reader.one("#zoom-reset"))
    assert reader.marks() == before
    assert set(reader.rows()) == set(before)
    reader.click(reader.one("#zoom-in"))
    assert reader.fragment()["view"] == "0.2,0.8,0.2,0.8"
    reader.click(reader.one("#zoom-out"))
    assert "view" not in reader.fragment()


def test_everything_is_done_by_keyboard(reader: Reader, shown: RunRecord) -> None:
    from selenium.webdriver import ActionChains, Keys

    reader.open()
    stops = reader.all("#picture .mark[tabindex='0']")
    assert [stop.get_attribute("data-design") for stop in stops] == [best(shown)]
    reader.run("arguments[0].focus()", stops[0])
    ordered = shown.front.sort_values("flash_bytes")["design"].tolist()
    neighbour = ordered[(ordered.index(best(shown)) + 1) % len(ordered)]
    ActionChains(reader.driver).send_keys(Keys.ARROW_RIGHT).perform()
    assert reader.run("return document.activeElement.dataset.design") == neighbour
    assert reader.one("#tip").text.startswith(neighbour)
    ActionChains(reader.driver).send_keys(Keys.ENTER).perform()
    assert reader.one("#chosen-title").text == neighbour
    assert reader.run("return document.activeElement.dataset.design") == neighbour
    ActionChains(reader.driver).send_keys(Keys.ESCAPE).perform()
    assert not reader.one("#tip").is_displayed()
    # No stop of the tabulator lies in what is hidden, and every control has a name.
    nameless = reader.run(
        """
        return [...document.querySelectorAll("button, a, input, select, summary, [tabindex]")].filter((node) => {
          const name = node.ariaLabel || node.textContent || node.labels?.[0]?.textContent || "";
          return name.trim() === "";
        }).map((node) => node.outerHTML);
        """
    )
    assert nameless == []


def test_a_narrow_screen_scrolls_down_alone(reader: Reader) -> None:
    reader.open(size=NARROW)
    assert reader.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    stage, chosen = reader.one("#stage").rect, reader.one("#chosen").rect
    assert chosen["y"] > stage["y"] + stage["height"]
    assert stage["width"] <= NARROW[0]
    sizes = reader.run(
        "return [...document.querySelectorAll('#picture text')].map((t) => t.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 10  # letters keep their size: the picture is drawn for the width that there is
    inside = reader.run(
        "return [...document.querySelectorAll('#picture .name.strong')].every((t) => "
        "t.getBoundingClientRect().left >= 0 && t.getBoundingClientRect().right <= innerWidth)"
    )
    assert inside


def colors(reader: Reader) -> list[tuple[str, str, str]]:
    """(text, its colour, that of its ground) of everything that is written."""
    found = reader.run(
        """
        const two = (part) => Number(part).toString(16).padStart(2, "0");
        const hex = (text) => "#" + text.match(/[0-9.]+/g).slice(0, 3).map(two).join("");
        const ground = (node) => {
          for (let at = node; at; at = at.parentElement) {
            const color = getComputedStyle(at).backgroundColor;
            if (!color.endsWith(", 0)")) return hex(color);
          }
          return "#ffffff";
        };
        const found = [];
        for (const node of document.querySelectorAll("body *")) {
          const own = [...node.childNodes].some((part) => part.nodeType === 3 && part.textContent.trim());
          if (!own || !node.checkVisibility() || node.closest("script, style")) continue;
          const look = getComputedStyle(node), ink = node.closest("#picture") ? look.fill : look.color;
          found.push([node.textContent.trim().slice(0, 40), hex(ink), ground(node)]);
        }
        return found;
        """
    )
    return [tuple(one) for one in found]


@pytest.mark.parametrize(("scheme", "theme"), [("light", LIGHT), ("dark", DARK)])
def test_contrast_of_all_text_and_marks(reader: Reader, scheme: str, theme: Any) -> None:
    reader.open(scheme=scheme)
    reader.run("for (const part of document.querySelectorAll('details.fold')) part.open = true")
    written = colors(reader)
    assert len(written) > 100
    assert {ground for _, _, ground in written} >= {theme.paper}
    weak = [(text, contrast(ink, ground)) for text, ink, ground in written if contrast(ink, ground) < TEXT_CONTRAST]
    assert weak == []
    edges = reader.run(
        "return [...document.querySelectorAll('#picture .mark[data-kind=front] path')]"
        ".map((m) => getComputedStyle(m).stroke)"
    )
    for edge in set(edges):
        red, green, blue = map(int, re.findall(r"[0-9]+", edge))
        assert contrast(f"#{red:02x}{green:02x}{blue:02x}", theme.paper) >= EDGE_CONTRAST


def test_it_prints_everything(reader: Reader, tmp_path: Path) -> None:
    import base64

    reader.open(scheme="dark")
    printed = reader.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert len(base64.b64decode(printed["data"])) > 20_000
    reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    paper = reader.run("return getComputedStyle(document.body).backgroundColor")
    reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert paper == "rgb(255, 255, 255)"


def test_names_of_strangers_stay_text(driver: Any, shown: RunRecord, tmp_path: Path) -> None:
    name = "<img src=x onerror=\"document.title='taken'\">"
    info = shown.info.to_json()
    info["network"]["name"] = name
    front = shown.front.assign(main_method=name)
    layers = shown.layers.assign(layer=name, scheme=name, method=name)
    nasty = dataclasses.replace(shown, info=type(shown.info).parse(info, "run.json"), front=front, layers=layers)
    page = tmp_path / "report.html"
    page.write_text(page_html(nasty, None, name), encoding="utf-8")
    reader = Reader(driver, page.as_uri()).open("#q=" + "%3Cimg%20src%3Dx%3E")
    reader.open()
    assert driver.title.startswith(name)
    assert reader.all("img") == []
    assert reader.one("#chosen-layers th").text == name
    reader.run("document.querySelector('#picture .mark[role]').focus()")
    assert name in reader.one("#tip").text
    assert os.path.basename(driver.current_url.split("#")[0]) == "report.html"


def test_a_fine_tuned_design_is_marked_where_it_is_now(driver: Any, shown: RunRecord, tmp_path: Path) -> None:
    row = shown.front.sort_values("flash_bytes").iloc[0]
    figures = {f"{name}_before": row.get(name) for name in TUNED_FIGURES} | {n: row.get(n) for n in TUNED_FIGURES}
    figures["accuracy"] = shown.front["accuracy"].max()
    facts = {"design": row["design"], "main_method": row["main_method"], "epochs": 3, "best_epoch": 3, "seconds": 1.0}
    run = dataclasses.replace(shown, tuned=pd.DataFrame([{**facts, **figures}]))
    page = tmp_path / "report.html"
    page.write_text(page_html(run, None, "x"), encoding="utf-8")
    reader = Reader(driver, page.as_uri()).open()
    assert reader.one("#chosen-title").text == f"{row['design']} (recommended, fine-tuned)"
    assert f"{100 * figures['accuracy']:.2f}%" in reader.one("#chosen-figures").text
    (mark,) = reader.all("#picture .mark[data-kind=tuned]")
    (before,) = reader.all(f"#picture .mark[data-kind=front][data-design={row['design']}]")
    assert "chosen" in mark.get_attribute("class")
    assert "chosen" not in before.get_attribute("class")
    assert mark.location["y"] < before.location["y"]
    assert len(reader.all("#picture path.move")) == 1
