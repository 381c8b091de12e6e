"""The lesson and the recorded runs as files: every card, every link, nothing from outside."""

import base64
import json
import re
import zlib
from urllib.parse import unquote, urljoin

import pytest

from app.lesson.beside import HANDS_ON
from app.lesson.cards import LessonError, count, read_card
from app.lesson.scene import Knob
from app.lesson.scenes import scene
from app.shared.recorded import recorded_runs
from app.site import write
from app.site.__main__ import main as write_it
from app.site.lesson import baked_card
from app.site.write import write_site
from bikd_core.cli import main


def drawings(stage):
    return json.loads(zlib.decompress(base64.b64decode(stage["drawings"])))


@pytest.mark.parametrize("number", range(1, count() + 1))
def test_each_card_has_the_app_s_figures_before_and_after_the_reveal(number):
    card, shown = read_card(number)[0], scene(read_card(number)[0].view)
    baked = baked_card(number, "en")
    for name, stage in (("before", shown.before), ("after", shown.after)):
        drawn = drawings(baked[name])
        slider = baked[name]["knob"]
        if isinstance(stage, Knob):
            assert len(drawn) == stage.high - stage.low + 1
            assert slider["low"] <= slider["value"] <= slider["high"]
            middle = (stage.low + stage.high) // 2
            expected, found = stage.draw(middle), drawn[middle - stage.low]
        else:
            assert slider is None
            expected, [found] = stage, drawn
        assert found == json.loads(json.dumps(expected._asdict()))
        for text in baked[name]["texts"]:
            assert "{" not in text["body"] + text["reveal"] + text["question"]
    before, after = baked["before"]["texts"][0], baked["after"]["texts"][0]
    assert before["reveal"] == ""
    assert before["right"] is None
    assert after["reveal"]
    assert after["right"] in range(len(card.choices))
    assert bool(baked["more"]) is (card.view in HANDS_ON)
    assert baked["isLast"] is (number == count())


def test_numbers_in_the_text_follow_the_slider():
    [card] = [
        number for number in range(1, count() + 1) if read_card(number)[0].view == "two_losses"
    ]
    stage = baked_card(card, "en")["after"]
    values = [[part[2] for part in text["equation"] if len(part) == 3] for text in stage["texts"]]
    assert len(values) == len(drawings(stage))
    assert values[0] != values[-1]


def test_every_link_of_the_site_leads_to_a_file_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "recorded_runs", lambda: recorded_runs()[:2])  # to be quick
    written = dict(write_site(tmp_path))
    assert list(written)[-1] == "index.html"
    for name, size in written.items():
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert len(text.encode()) == size
        if not name.endswith(".html"):
            continue
        links = re.findall(r'(?:href|src)="([^"#]+)', text)
        inside = [link for link in links if not link.startswith("data:")]
        assert all(urljoin(name, unquote(link)) in written for link in inside), name
        assert not any(link.startswith(("http", "//")) for link in links)
    lesson = (tmp_path / "learn.html").read_text(encoding="utf-8")
    runs = set(re.findall(r'"run": "(runs/[^#"]+)#', lesson))
    assert {"runs/1-digits-bikd.html", "runs/2-digits-kd.html"} <= runs
    home = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "nothing is trained here" in home
    assert "pip install" in home
    kept = tmp_path / "notes.txt"
    kept.write_text("mine")
    list(write_site(tmp_path))
    assert kept.read_text() == "mine"


def test_a_site_that_cannot_be_written_says_why(tmp_path, capsys, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    assert main(["site", str(file)]) == 2
    assert "that is a file, not a folder" in capsys.readouterr().err
    assert write_it(str(file / "below")) == 2
    assert "file" in capsys.readouterr().err

    def broken(number, language):
        raise LessonError("Card 1 of the lesson is missing.")

    monkeypatch.setattr(write, "recorded_runs", lambda: ())
    monkeypatch.setattr(write, "baked_card", broken)
    assert write_it(str(tmp_path / "site")) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "Card 1 of the lesson is missing."
    assert not (tmp_path / "site" / "index.html").exists()
