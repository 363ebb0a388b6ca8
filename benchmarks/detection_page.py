"""`sentinel-bench detect`: the page on how well the Sentinel finds attacks that its models were not fitted on.

See `benchmarks.detection` for the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from langchain_core.embeddings import Embeddings

from benchmarks.attacks import ATTACKS, Family
from benchmarks.data import Dataset, load
from benchmarks.detection import Detection
from benchmarks.disguises import AT, DISGUISES, disguised
from benchmarks.fit import PREVALENCE, SKIPPED, training_traffic
from benchmarks.generated import BENIGN, generated
from benchmarks.readings import Reading, Traffic, read
from benchmarks.splits import split

Report = Callable[[str, int, int], None]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join("" if cell == "None" else cell for cell in line) + " |" for line in lines)


def markdown(detection: Detection, title: str, *, ablation: bool = False) -> str:
    """The whole report on one pair of readings, as one section of markdown.

    Disguised attacks get a table of their own if the readings hold any.
    """
    error, brier, rows = detection.reliability()
    parts = [
        f"## {title}",
        "AUC (95 % interval) / share found at 1 % false positives (interval). `told` = AUC (interval) of the query "
        "stage's P(membership) between members and non-members; above .5 members look worse. `flagged` = drill-down "
        "requests above the threshold that 1 % of benign requests exceed.",
        _table(
            [
                "membership",
                "n",
                "benign + drill-down",
                *BENIGN,
                "benign-hard, members",
                "flagged",
                "told",
                "length only",
                "form only",
            ],
            detection.membership_rows(),
        ),
        "Per candidate; found at 0.5 % of gold (or clean) passages.",
        _table(
            ["planted", "n", "against gold", "against clean", "against equally long", "length only", "form only"],
            detection.poisoning_rows(),
        ),
        f"P(membership) at a prevalence of {PREVALENCE:.0%}: calibration error {error:.4f}, Brier {brier:.4f}.",
        _table(["P", "requests", "share", "said", "true"], rows),
    ]
    if disguises := list(dict.fromkeys(name.partition(AT)[2] for name in detection.by if AT in name)):
        parts += [
            "The same attacks in disguise, AUC / share found (probes against benign and drill-downs at 1 %, documents "
            "that came back against gold passages at 0.5 %).",
            _table(["attack", "plain", *disguises], detection.disguise_rows()),
        ]
    if ablation:
        head = ["signal", "most lost", "AUC", "found", "most gained without it", "AUC", "found"]
        parts += ["What each signal adds, as loss without it.", _table(head, detection.ablation())]
    return "\n\n".join(parts) + "\n"


def test_traffic(data: Dataset, seed: int) -> list[Traffic]:
    """Benign traffic and every attack that the data set's own targets serve."""
    names = [
        name
        for name in ATTACKS.names()
        if name not in SKIPPED
        and not (manifest := ATTACKS.get(name).manifest).run_only
        and all(getattr(data, need) for need in manifest.needs)
    ]
    # What the data set brings no targets for is made of its text, by another seed than what models are fitted on.
    made = generated(data, seed + 1)
    extra = [
        name
        for name in ATTACKS.names()
        if name not in (*SKIPPED, *names)
        and (manifest := ATTACKS.get(name).manifest).family is not Family.BENIGN
        and not manifest.run_only
        and manifest.threat is not None
        and all(getattr(made, need) for need in manifest.needs)
    ]
    return [*(Traffic.of(data, name, seed) for name in names), *(Traffic.of(made, name, seed) for name in extra)]


DISGUISED = ("mba", "direct", "s2mia", "poisonedrag-single", "poison-unprefixed", "pia")
MOST_DISGUISED = 60
"""Sessions of each attack in each disguise."""


def disguised_traffic(traffic: Sequence[Traffic], seed: int) -> list[Traffic]:
    """Some sessions of some attacks, in every disguise."""
    chosen = [item for item in traffic if item.attack.manifest.name in DISGUISED]
    return [disguised(item, name, seed, MOST_DISGUISED) for item in chosen for name in DISGUISES]


def outside(readings: Sequence[Reading], traffic: Sequence[Traffic], seed: int, part: str) -> list[Reading]:
    """Readings without the benign sessions of one part of the split."""
    seen: set[tuple[str, str]] = set()
    for item in traffic:
        name = item.attack.manifest.name
        if name in BENIGN:
            seen |= {(name, key) for key, dealt in split(item.sessions, seed, name).items() if dealt == part}
    return [r for r in readings if (r.attack, r.session) not in seen]


def detect(
    data: Dataset,
    model: Embeddings,
    fit: str,
    seed: int = 0,
    report: Report = lambda *_: None,
    *,
    ablation: bool = True,
    disguises: bool = True,
) -> str:
    """Measure detection on a data set.

    Args:
        data: What is measured.
        model: Embeds passages and queries.
        fit: "bundled" for models fitted on the bundled data set, "same" for models fitted on attacks that are generated
            from this data set's own text and the fit part of its benign sessions.
        seed: Of traffic and split.
        report: Told of progress.
        ablation: Whether to measure what each signal adds.
        disguises: Whether to measure attacks in disguise.

    Returns:
        A section of markdown.
    """
    traffic = test_traffic(data, seed)
    if disguises:
        traffic += disguised_traffic(traffic, seed)
    test = read(traffic, model, seed, report)
    source = load("bundled") if fit == "bundled" else data
    alike = source.hash == data.hash
    train = read(training_traffic(source, seed, "fit" if alike else None), model, seed, report)
    if alike:
        test = outside(test, traffic, seed, "fit")
    return markdown(Detection(train, test), f"{data.name}, fitted on {source.name}", ablation=ablation)


INTRODUCTION = """# Detection

How well the Sentinel finds attacks that its models were not fitted on. Every family is scored by models fitted without
it and without those made from its template (poisonedrag with -single, unprefixed with -5, all interrogations), on
attacks that `benchmarks.generated` makes of corpus text; a data set's own targets are never fitted on. Written by
`sentinel-bench detect`.

Members and non-members are probed equally. Half of a family's probes therefore have no target in the corpus, and only
what the query itself shows can find them. Beside every figure stand a detector of length alone and models left with
the signals of outer form alone: on plain benign traffic and drill-downs length alone already finds every probe but
the interrogation. What the Sentinel adds is in the column `benign-hard`, where people paste excerpts, in planted
documents at a false-positive rate that can be afforded, and in interrogations.

A planted document counts where it was planted for the question that is asked; what comes up by chance for another
question is left out of both sides.
"""


def page(
    data: Sequence[Dataset],
    model: Embeddings,
    fits: Sequence[str],
    seed: int = 0,
    report: Report = lambda *_: None,
    *,
    ablation: bool = True,
) -> str:
    """The page on one or more data sets, each measured with models fitted here and there.

    Disguises and what each signal adds are measured for the first section only.
    """
    sections: list[str] = []
    seen: set[tuple[str, str]] = set()
    bundled = load("bundled").hash
    for one in data:
        for fit in fits:
            key = (one.hash, "same" if one.hash == bundled else fit)
            if key not in seen:
                first = not seen
                seen.add(key)
                sections.append(detect(one, model, fit, seed, report, ablation=ablation and first, disguises=first))
    return "\n".join([INTRODUCTION, *sections])
