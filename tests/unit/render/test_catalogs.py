"""Catalogs beside CLDR and beside each other: what has to be said, and what must not be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rendering import BASE, checked, content, mjml

from lifecycle.render.catalogs import UNREAD, Catalog, read_catalogs
from lifecycle.render.compile import Templates
from lifecycle.render.parity import check_catalogs
from lifecycle.render.plurals import CATEGORIES, asked, used
from lifecycle.spec.diagnostics import Diagnostic

ROOT = Path(__file__).resolve().parents[3]
ARABIC = "{zero: لا شيء, one: قطعة, two: قطعتان, few: '{count} قطع', many: '{count} قطعة', other: '{count} قطعة'}"

ARABIC_WITH_N = "{zero: ل, one: 'ق {n}', two: '{n} ق', few: '{n} {count}', many: '{count} {n}', other: '{n} {count}'}"
SLAVIC = "{one: '{count} pary', few: '{count} pary', many: '{count} pary', other: '{count} pary'}"


def read(text: str, locale: str = "en") -> tuple[Catalog, list[Diagnostic]]:
    """Return one catalog, and what is wrong with it by itself."""
    problems: list[Diagnostic] = []
    catalogs = read_catalogs({f"locales/{locale}.yaml": text}, problems)
    return catalogs[locale], problems


def beside(english: str, other: str, locale: str = "ar") -> list[tuple[str, int]]:
    """Return code and line of what is wrong with a catalog, by itself and beside the English one."""
    files = {"locales/en.yaml": english, f"locales/{locale}.yaml": other}
    problems: list[Diagnostic] = []
    made = content(files, locales=("en", locale))
    problems += check_catalogs(made, read_catalogs(files, problems))
    return [(found.code, found.place.line) for found in problems]


# -- reading


def test_scalars_of_a_catalog_are_texts_as_they_were_written() -> None:
    """YAML 1.1 would make booleans and sixties of them, as keys and as texts."""
    catalog, problems = read("no: no\non: 12:30\nyear: 2026\nshare: 1.50\nflag: true\nempty: ''\n")
    assert problems == []
    texts = {key: entry.forms[""] for key, entry in catalog.items()}
    assert texts == {"no": "no", "on": "12:30", "year": "2026", "share": "1.50", "flag": "true", "empty": ""}


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a: x\nb: y\na: z\n", "LC009", 3),
        ("a: &x y\nb: *x\n", "LC010", 1),
        ("a: {<<: {b: c}}\n", "LC011", 1),
        ("a: !!str y\n", "LC012", 1),
        ("a:\n\tb: c\n", "LC008", 2),
        ("\ufeffa: b\n", "LC003", 1),
        ("# nothing yet\n", "LC015", 1),
        ("a: \x07\n", "LC002", 1),
        ("a: b\n---\nc: d\n", "LC014", 1),
        ("- a\n", "LC601", 1),
        ("a: ~\n", "LC601", 1),
        ("a.b: x\na: {b: y}\n", "LC601", 2),
        ("a: {b: [c]}\n", "LC601", 1),
        ("x" * 101 + ": y\n", "LC601", 1),
    ],
)
def test_what_yaml_forbids_is_said_of_catalogs_too(text: str, code: str, line: int) -> None:
    """One reader serves all files, and its diagnostics are the same."""
    _, problems = read(text)
    assert (problems[0].code, problems[0].place.line) in {(code, line), (code, 2)}


def test_the_catalogs_of_the_sample_shop_say_nothing_wrong_and_are_complete() -> None:
    """Two hundred texts in two languages, with plurals, markup and placeholders."""
    files = {f"locales/{name}.yaml": (ROOT / f"locales/{name}.yaml").read_text("utf-8") for name in ("en", "ar")}
    problems: list[Diagnostic] = []
    catalogs = read_catalogs(files, problems)
    problems += check_catalogs(content(files), catalogs)
    assert problems == []
    assert catalogs["en"].keys() == catalogs["ar"].keys()


def test_a_catalog_that_cannot_be_read_is_one_mistake() -> None:
    """Its texts are not missed in the templates, nor in the other catalogs."""
    broken = {"locales/en.yaml": 'hello: "Hello\n', "locales/ar.yaml": "hello: مرحباً\n"}
    for files in (broken, {"locales/en.yaml": broken["locales/ar.yaml"], "locales/ar.yaml": broken["locales/en.yaml"]}):
        found = checked({"templates/mail.mjml": mjml("<mj-text>{{ t('hello') }}, all of you</mj-text>"), **files})
        assert [problem.code for problem in found] == ["LC007"]


def test_a_catalog_given_up_for_its_warnings_is_an_error() -> None:
    """Otherwise it would be silently empty when mails are made."""
    catalog, problems = read("".join(f"k{n}: 0{n}\n" for n in range(10, 80)))
    assert catalog is UNREAD
    assert any(problem.is_error for problem in problems)


def test_a_yml_catalog_is_read_and_its_name_is_said() -> None:
    """As for segments and campaigns: one ending."""
    problems: list[Diagnostic] = []
    catalogs = read_catalogs({"locales/en.yml": "a: b\n"}, problems)
    assert "a" in catalogs["en"]
    assert [(found.code, found.place.path) for found in problems] == [("LC113", "locales/en.yml")]


# -- plural forms


@pytest.mark.parametrize(
    ("locale", "forms"),
    [
        ("en", "one other"),
        ("ar", "zero one two few many other"),
        ("ar-SA", "zero one two few many other"),
        ("ru", "one few many other"),
        ("pl", "one few many other"),
        ("cs", "one few other"),
        ("he", "one two other"),
        ("ja", "other"),
        ("tr", "one other"),
        ("fr", "one other"),
        ("cy", "zero one two few many other"),
        ("qq", "other"),
    ],
)
def test_a_plural_needs_the_forms_that_whole_numbers_take(locale: str, forms: str) -> None:
    """By CLDR; a form that only fractions take (`many` in Czech) is welcome and not asked for."""
    assert asked(locale) == set(forms.split())
    full = "pieces:\n" + "".join(f"  {form}: '{{count}} x'\n" for form in forms.split())
    assert read(full, locale)[1] == []
    assert [found.code for found in read(full.replace("  other: '{count} x'\n", ""), locale)[1]] in (
        ["LC606"],
        ["LC601"],
    )


@pytest.mark.parametrize(("locale", "form"), [("cs", "many"), ("fr", "many"), ("es", "many"), ("pl", "other")])
def test_forms_for_fractions_and_millions_may_be_written(locale: str, form: str) -> None:
    """The locale has them, so they are neither unknown nor unused."""
    forms = {*asked(locale), form}
    assert read("a:\n" + "".join(f"  {name}: '{{count}}'\n" for name in forms), locale)[1] == []


@given(st.sampled_from(["en", "ar", "ru", "pl", "ja", "he", "lt", "sl", "ga"]), st.sets(st.sampled_from(CATEGORIES)))
def test_each_form_is_missing_or_superfluous_exactly_when_cldr_says_so(locale: str, forms: set[str]) -> None:
    """Whatever forms were written, what is said is the difference to CLDR's."""
    written = {*forms, "other"}
    _, problems = read("a:\n" + "".join(f"  {form}: '{{count}} x'\n" for form in sorted(written)), locale)
    assert [found.code for found in problems].count("LC606") == bool(asked(locale) - written)
    assert [found.code for found in problems].count("LC607") == len(written - used(locale))


@pytest.mark.parametrize(
    "group",
    [
        "{one: First, two: Then, three: Last}",
        "{one: First, two: Then}",
        "{price: Too expensive, size: Wrong size, other: Something else}",
        "{hero: Big, one: Small}",
        "{one: {title: First}, other: {title: Second}}",
        "{one: First, two: Second, three: Third, other: Next}",
    ],
)
def test_a_group_with_keys_like_plural_forms_is_a_group(group: str) -> None:
    """`one` to `three` are steps of a list, and `other` is an answer."""
    catalog, problems = read(f"steps: {group}\n")
    assert problems == []
    assert "steps" not in catalog
    assert all(key.startswith("steps.") for key in catalog)


@pytest.mark.parametrize(("word", "guess"), [("fwe", "few"), ("mnay", "many"), ("tow", "two"), ("zeor", "zero")])
def test_a_misspelt_form_is_one_mistake_with_the_form_that_was_meant(word: str, guess: str) -> None:
    """It is not missed a second time, and does not become a key."""
    catalog, problems = read("a: " + ARABIC.replace(f"{guess}:", f"{word}:"), "ar")
    assert [(found.code, found.hint) for found in problems] == [("LC608", f'did you mean "{guess}"?')]
    assert set(catalog) == {"a"}
    assert catalog["a"].forms.keys() == set(CATEGORIES)


# -- one locale beside another


@pytest.mark.parametrize(
    ("english", "other", "locale"),
    [
        ("a: {one: One pair, other: '{count} pairs'}", f"a: {ARABIC}", "ar"),
        ("a: {one: '{count} pair', other: '{count} pairs'}", f"a: {ARABIC}", "ar"),
        ("a: {one: '{n}, one', other: '{n}, {count}'}", f"a: {ARABIC_WITH_N}", "ar"),
        ("a: {one: Pair, other: Pairs}", "a: {other: '{count} 足'}", "ja"),
        ("a: {one: Pair, other: '{count} pairs'}", "a: '{count} 足'", "ja"),
        ("a: '{x} and {y}'", "a: '{y} و{x}'", "ar"),
        ("a: <b>Hello</b>", "a: مرحباً", "ar"),
        ("a: 1 < 2 <br> <img src='x'/>", "a: <i>س</i>", "ar"),
        ("a: x\nb: y", "a: س", "ar"),
        ("a: {one: '{count} pair', other: '{count} pairs'}", f"a: {SLAVIC}", "ru"),
        ("a: {one: One pair, other: '{count} pairs'}", f"a: {SLAVIC}", "pl"),
        ("a: {one: 'One for {n}', other: '{count} for {n}'}", f"a: {SLAVIC.replace('pary', 'za {n}')}", "pl"),
    ],
)  # fmt: skip
def test_what_languages_do_differently_is_no_mistake(english: str, other: str, locale: str) -> None:
    """Order, number and markup are the language's own; what lacks is said where it is asked for."""
    assert beside(english, other, locale) == []


@pytest.mark.parametrize(
    ("english", "arabic", "found"),
    [
        ("a: '{name}'", "a: '{nmae}'", [("LC610", 1)]),
        ("a: x", "a: '{name}'", [("LC610", 1)]),
        ("a: '{name}'", "a: س", [("LC611", 1)]),
        ("a: '{count} left'", "a: بقي", [("LC611", 1)]),
        ("a: {one: '{n}', other: '{n} {count}'}", f"a: {ARABIC}", [("LC611", 1)]),
        ("a: x", "a: س\nb: س", [("LC612", 2)]),
        ("a: {b: x, c: y}", "a: {b: س}\nd: {b: س, c: س, e: س}", [("LC612", 2)]),
        ("a: {b: x}", "a: س", [("LC612", 1)]),
        ("a: x", "a: <b>س", [("LC613", 1)]),
        ("a: x", "a: س</b>", [("LC613", 1)]),
    ],
)
def test_what_one_locale_alone_has_is_said_at_the_other(
    english: str, arabic: str, found: list[tuple[str, int]]
) -> None:
    """At the value or key in the locale that differs from the default."""
    assert beside(english, arabic) == found


def test_a_placeholder_misspelt_in_one_catalog_is_not_blamed_on_the_templates() -> None:
    """The call fills what the default locale's text has; LC605 would send people to the wrong file."""
    files = {
        "templates/mail.mjml": mjml("<mj-text>{{ t('hello', name='Sara') }}, good morning</mj-text>"),
        "locales/en.yaml": "hello: Hello {name}\n",
        "locales/ar.yaml": "hello: مرحباً {nmae}\n",
    }
    assert [found.code for found in checked(files)] == ["LC610"]


def test_a_misspelt_other_is_not_missed_where_the_text_is_shown() -> None:
    """The subject is not empty for it: one mistake, one diagnostic."""
    front = (
        "---\nsubject: \"{{ t('a', count=5) }}\"\npreheader: Something of forty characters and more, so it fits\n---\n"
    )
    files = {
        "templates/mail.mjml": mjml("<mj-text>Good morning to all of you</mj-text>", front),
        "locales/en.yaml": "a: {one: One piece, othr: '{count} pieces'}\n",
        "locales/ar.yaml": f"a: {ARABIC}\n",
    }
    assert [found.code for found in checked(files)] == ["LC608"]


def test_a_call_that_fills_nothing_is_still_the_mistake_of_the_template() -> None:
    """Both locales need the name."""
    files = {**BASE, "templates/mail.mjml": mjml("<mj-text>{{ t('hello') }}, good morning</mj-text>")}
    assert {found.code for found in checked(files)} == {"LC605"}


def test_a_region_reads_the_catalog_of_its_language() -> None:
    """ar-SA has what ar has, and ar.yaml is named after a locale."""
    files = {**BASE, "templates/mail.mjml": mjml("<mj-text>{{ t('hello', name='x') }}, good morning</mj-text>")}
    assert checked(files, locales=("en", "ar-SA")) == []
    texts = Templates(content(files, locales=("en", "ar-SA"))).languages("ar-SA")[1][1]
    assert texts.t("hello", name="x").startswith("مرحباً")
