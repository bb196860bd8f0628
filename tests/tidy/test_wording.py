"""The catalogues of locale/ say all that the console says, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from middleoffice.documentation.places import ROOT
from middleoffice.wording import LANGUAGES, bring_up_to_date, catalogue_path, faults_of
from middleoffice.wording.templates import Text, texts_of, unmarked_in


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_as_write_wording_leaves_it(language: str) -> None:
    po, mo = bring_up_to_date(language)
    assert catalogue_path(language).read_bytes() == po, "run manage.py write_wording"
    assert catalogue_path(language, "mo").read_bytes() == mo, "run manage.py write_wording"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_words_for_every_text_and_keeps_its_parts(language: str) -> None:
    assert faults_of(language) == []


def test_templates_mark_every_word_that_a_person_reads() -> None:
    unmarked = {
        path.relative_to(ROOT).as_posix(): words
        for path in sorted((ROOT / "templates").rglob("*.html"))
        if (words := unmarked_in(path))
    }
    assert unmarked == {}


def test_a_word_that_no_tag_marks_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<p title="Read me">{% translate "Said" %} forgotten {{ name }}</p><code>trd_1</code>')
    assert unmarked_in(page) == [
        "\N{OBJECT REPLACEMENT CHARACTER} forgotten \N{OBJECT REPLACEMENT CHARACTER}",
        "Read me",
    ]


def test_marked_texts_are_found_as_django_looks_them_up(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '{% translate "Use in %" %}{% blocktranslate trimmed count n=rows|length with shown=rows|length %}'
        '{{ shown }} row{% plural %}{{ shown }} rows{% endblocktranslate %}{{ name|default:_("no owner") }}'
    )
    assert list(texts_of(page)) == [
        Text("Use in %%"),
        Text("%(shown)s row", "%(shown)s rows"),
        Text("no owner"),
    ]
