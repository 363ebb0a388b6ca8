"""The artefact of the adaptive policy: what it says survives a file, and what is no calibration is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from pydantic import ValidationError

from defenses import DEFENSES, build
from sentinel import DataError, Threat
from sentinel.threat_models import shipped_models
from strategist.calibration import SHIPPED, Calibration, Option, Outcome, Promise, shipped_calibration
from tests.strategist.calibrations import calibrations

HIDE = Option(
    name="hide_probed",
    parameters={"run": 12},
    residual={Threat.MEMBERSHIP: {"mba": 0.25, "direct": 0.0}},
    cost=((0.01, 0.0), (0.9, 0.5)),
    milliseconds=0.5,
)
KNOWN = Calibration(
    options=(HIDE, Option(name="echo_filter", residual={Threat.POISONING: {"poisonedrag": 0.1}})),
    price=2.5,
    promises={"benign": Promise(alpha=0.01, sessions=120, loss=0.002)},
    models="0123456789abcdef",
    fitted_on="here",
)


@given(calibrations())
def test_what_is_written_is_read(calibration: Calibration) -> None:
    again = Calibration.loads(calibration.dumps())
    assert again == calibration
    assert again.hash == calibration.hash
    assert again.dumps() == calibration.dumps()


def test_a_file_is_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(KNOWN.dumps(), encoding="utf-8")
    assert Calibration.load(path) == KNOWN
    read = json.loads(path.read_text(encoding="utf-8"))
    assert read["schema_version"] == 1
    assert read["options"][0]["residual"] == {"membership": {"mba": 0.25, "direct": 0.0}}


def test_no_price_is_infinity() -> None:
    assert json.loads(KNOWN.model_copy(update={"price": None}).dumps())["price"] is None
    assert Calibration.loads(KNOWN.model_copy(update={"price": float("inf")}).dumps()).price is None


@pytest.mark.parametrize(
    "update",
    [
        {"price": 2.6},
        {"models": "other"},
        {"options": KNOWN.options[:1]},
        {"options": (HIDE.model_copy(update={"cost": ((0.01, 0.0), (0.9, 0.6))}), KNOWN.options[1])},
        {"promises": {}},
    ],
)
def test_the_hash_tells_what_changed(update: dict[str, object]) -> None:
    assert KNOWN.hash == Calibration.loads(KNOWN.dumps()).hash
    assert len(KNOWN.hash) == 16
    assert KNOWN.model_copy(update=update).hash != KNOWN.hash


def test_attacks_are_gathered_over_all_options() -> None:
    more = Option(name="suspicion_filter", residual={Threat.POISONING: {"hotflip": 0.5, "poisonedrag": 0.5}})
    found = Calibration(options=(*KNOWN.options, more)).attacks()
    assert found == {Threat.MEMBERSHIP: ("mba", "direct"), Threat.POISONING: ("poisonedrag", "hotflip")}


def test_one_origin_keeps_what_its_options_do_together() -> None:
    more = Option(name="suspicion_filter", residual={Threat.POISONING: {"poisonedrag": 0.5}})
    groups = (Outcome(share=0.5, left={1: 0.2, 2: 0.3}), Outcome(share=0.5))
    known = KNOWN.model_copy(
        update={"options": (*KNOWN.options, more), "together": {Threat.POISONING: {"poisonedrag": groups}}}
    )
    corpus = known.only("corpus")
    assert [option.name for option in corpus.options] == ["echo_filter", "suspicion_filter"]
    assert corpus.together[Threat.POISONING]["poisonedrag"] == (
        Outcome(share=0.5, left={0: 0.2, 1: 0.3}),
        Outcome(share=0.5),
    )
    client = known.only("client")
    assert [option.name for option in client.options] == ["hide_probed"]
    assert all(not group.left for group in client.together[Threat.POISONING]["poisonedrag"])
    assert Calibration.loads(client.dumps()) == client
    assert Calibration.loads(corpus.dumps()) == corpus


def test_what_judges_a_clients_past_has_an_origin_of_its_own() -> None:
    found = {
        "hide_probed": "client",
        "hide_for_client": "history",
        "a strangers": "client",
        "suspicion_filter": "client",
    }
    for name, origin in found.items():
        assert Option(name=name, residual={Threat.MEMBERSHIP: {"mba": 0.0}}).origin == origin
    both = {Threat.MEMBERSHIP: {"mba": 0.0}, Threat.POISONING: {"hotflip": 0.5}}
    assert Option(name="hide_for_client", residual=both).origin == "corpus"
    assert Option(name="hide_for_client").origin == "corpus"


def test_a_file_that_does_not_tell_the_past_apart_keeps_its_price() -> None:
    assert Calibration().rate("history") == Calibration().rate("corpus") == 1.0
    before = Calibration(rates={"client": 3.0, "corpus": 0.1})
    assert before.rate("history") == 3.0
    assert Calibration(rates={"client": 3.0, "history": 0.2}).rate("history") == 0.2
    assert Calibration(rates={"client": 3.0}).rate("corpus") == 1.0


def _changed(path: str, value: object) -> str:
    """The file with one value replaced, or added."""
    content = json.loads(KNOWN.dumps())
    *parents, last = path.split(".")
    at = content
    for key in parents:
        at = at[int(key)] if isinstance(at, list) else at[key]
    at[last] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("schema_version", 2, "schema_version"),
        ("surprise", 1, "surprise"),
        ("price", -1.0, "price"),
        ("price", "dear", "price"),
        ("options.0.residual", {"membership": {"mba": 1.1}}, "residual"),
        ("options.0.residual", {"no such threat": {"mba": 1.0}}, "residual"),
        ("options.0.cost", [[0.5, 0.1], [0.5, 0.2]], "cost"),
        ("options.0.cost", [[0.5, 0.1], [0.4, 0.2]], "cost"),
        ("options.0.cost", [[0.0, 0.1]], "cost"),
        ("options.0.cost", [[0.5, 1.5]], "cost"),
        ("options.0.toll", {"poisoning": {"hotflip": -0.1}}, "toll"),
        ("together", {"poisoning": {"hotflip": [{"share": 1.0, "left": {"1": 0.5}}]}}, "not measured against it"),
        ("together", {"poisoning": {"poisonedrag": [{"share": 1.0, "left": {"2": 0.5}}]}}, "not measured against it"),
        ("together", {"poisoning": {"hotflip": [{"share": 1.5}]}}, "share"),
        ("together", {"poisoning": {"hotflip": [{"share": 1.0, "left": {"0": 1.5}}]}}, "left"),
        ("options.0.milliseconds", -1.0, "milliseconds"),
        ("options.0.milliseconds", float("inf"), "milliseconds"),
        ("options.0.residual", {"membership": {"mba": float("nan")}}, "residual"),
        ("promises.benign.alpha", 0.0, "alpha"),
        ("promises.benign.loss", 2.0, "loss"),
        ("options", [json.loads(HIDE.model_dump_json())] * 2, "twice"),
    ],
)
def test_values_out_of_range_are_refused_by_name(path: str, value: object, said: str) -> None:
    with pytest.raises(DataError, match=f"(?s)somewhere: not a calibration.*{said}"):
        Calibration.loads(_changed(path, value), "somewhere")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe\x00", b"{}{}"])
def test_a_file_that_is_none_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.json"):
        Calibration.load(path)


def test_a_missing_file_or_a_folder_is_refused_with_its_name(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            Calibration.load(path)


def test_an_artefact_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        KNOWN.price = 0.0  # type: ignore[misc]


def test_the_shipped_file_was_measured_with_the_shipped_models() -> None:
    assert shipped_calibration().models == shipped_models().hash


def test_the_shipped_options_are_defenses_against_what_they_claim() -> None:
    shipped = shipped_calibration()
    assert shipped is shipped_calibration()
    assert Calibration.load(SHIPPED) == shipped
    assert shipped.options
    for option in shipped.options:
        manifest = build(option.name, option.parameters).manifest
        assert option.residual.keys() <= manifest.threats
        assert not manifest.baseline
        assert option.residual
        assert [cost for _, cost in option.cost] == sorted(cost for _, cost in option.cost)
        assert option.cost
    assert {option.name for option in shipped.options} <= set(DEFENSES.names())


def test_the_shipped_promises_were_kept_where_it_was_calibrated() -> None:
    shipped = shipped_calibration()
    assert shipped.price is not None
    assert shipped.promises.keys() == {"benign", "benign-drilldown", "benign-hard"}
    for promise in shipped.promises.values():
        assert (promise.sessions * promise.loss + 1) / (promise.sessions + 1) <= promise.alpha + 1e-9
