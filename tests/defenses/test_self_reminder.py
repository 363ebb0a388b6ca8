"""The baseline reminds in the system message and does nothing else."""

from defenses import DEFENSES, Framed, Resources, build
from sentinel import Request, Threat

DEFENSE = build("self_reminder")


def test_it_frames_nothing_and_says_one_thing():
    framed = DEFENSE.frame(["One.", "Two."], Request("q", time=0.0), Resources())
    assert framed == Framed(("One.", "Two."), DEFENSE.block)
    assert "refuse" in DEFENSE.block
    assert "placeholder" not in DEFENSE.block, "what safe_redirect adds is not in its baseline"


def test_it_is_kept_to_compare_with():
    manifest = DEFENSES.manifests()["self_reminder"]
    assert manifest.baseline
    assert manifest.threats == {Threat.UNSAFE_COMPLETION}
    assert not DEFENSES.manifests()["safe_redirect"].baseline


def test_it_composes_as_safe_redirect_does():
    once = DEFENSE.apply([("system", "Be brief."), ("human", "Hi")])
    assert once[0].content == f"{DEFENSE.block}\n\nBe brief."
    assert DEFENSE.apply(once) == once
    assert DEFENSE.apply("Hi") == f"{DEFENSE.block}\n\nHi"
    both = build("safe_redirect").apply(once)
    assert both[0].content.endswith(f"{DEFENSE.block}\n\nBe brief.")
