import pytest

from benchmarks.oracle import OraclePolicy
from sentinel import Request, RiskProfile
from sentinel.vocabulary import Threat
from strategist.calibration import Calibration, Option

M, P = Threat.MEMBERSHIP, Threat.POISONING
CALIBRATION = Calibration(
    options=(
        Option(name="hide_probed", parameters={"run": 48}, residual={M: {"mba": 0.3, "interrogation": 1.0}}),
        Option(name="hide_probed", residual={M: {"mba": 0.1, "interrogation": 1.0}}, cost=((0.5, 0.2),)),
        Option(name="hide_for_client", residual={M: {"mba": 1.0, "interrogation": 0.2}}),
        Option(name="echo_filter", residual={P: {"poisonedrag": 0.0}}, cost=((0.5, 0.2),)),
        Option(name="suspicion_filter", residual={P: {"poisonedrag": 0.0}}, cost=((0.5, 0.1),)),
    )
)


@pytest.mark.parametrize(
    ("attack", "names"),
    [
        ("benign", ()),
        ("benign-hard", ()),
        ("mba", ("hide_probed",)),
        ("interrogation", ("hide_for_client",)),
        ("interrogation-slow", ("hide_for_client",)),
        ("poisonedrag", ("suspicion_filter",)),
        ("poisonedrag-single", ("suspicion_filter",)),
    ],
)
def test_it_picks_what_was_measured_to_leave_least(attack, names):
    policy = OraclePolicy(calibration=CALIBRATION).told(attack)
    plan = policy.after_retrieval(Request("q"), RiskProfile(), policy.before_retrieval(Request("q"), RiskProfile()))
    assert plan.names == names
    assert plan.overfetch == 3


def test_of_two_strengths_the_one_that_leaves_less():
    policy = OraclePolicy(calibration=CALIBRATION).told("mba")
    assert policy.after_retrieval(Request("q"), RiskProfile(), None).defenses[0].parameters == {}


def test_what_nothing_helps_against_is_left_alone():
    useless = Calibration(options=(Option(name="hide_probed", residual={M: {"mba": 1.0}}),))
    policy = OraclePolicy(calibration=useless).told("mba")
    assert policy.after_retrieval(Request("q"), RiskProfile(), None).names == ()
    assert (
        OraclePolicy(calibration=Calibration()).told("mba").after_retrieval(Request("q"), RiskProfile(), None).names
        == ()
    )
