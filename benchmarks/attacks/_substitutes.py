"""Other words for common English words, for probes that must not quote their target.

The table is the project's own, written by hand; where it has nothing, a near form of the same word is made.
"""

from __future__ import annotations

import random

STOP = frozenset(
    "a an the and or but if of in on at to for with by from as is are was were be been being it its this that these "
    "those he she they we you i his her their our your my me us him them not no do does did has have had will would "
    "can could may might must shall should than then so such there here who whom whose which what when where while "
    "into over under about after before between during through both each all any some more most other only own same "
    "too very also just up down out off again once because until against nor yet per via without within neither either "
    "quite upon since although though however therefore thus hence whether among like else even still rather since "
    "along across around toward towards beyond despite except unless".split()
)

_PAIRS = """
show:reveal shows:reveals showed:revealed shown:revealed study:investigation studies:investigations
studied:investigated method:approach methods:approaches result:finding results:findings patient:sufferer
patients:sufferers use:employ used:employed uses:employs using:employing increase:rise increased:raised
increases:rises increasing:rising decrease:drop decreased:lowered decreases:drops decreasing:dropping high:elevated
higher:greater highest:greatest low:small lower:smaller lowest:smallest important:crucial significant:marked
significantly:markedly large:big larger:bigger small:little smaller:lesser begin:start began:started begins:starts
start:beginning started:began end:finish ended:finished help:assist helps:assists helped:assisted make:produce
makes:produces made:produced show:display find:detect found:detected finds:detects need:require needs:requires
needed:required child:youngster children:youngsters woman:lady women:ladies man:gentleman men:males people:persons
person:individual house:home home:residence year:annum years:annums doctor:physician physicians:doctors
disease:illness diseases:illnesses illness:sickness drug:medicine drugs:medicines treatment:therapy
treatments:therapies treated:medicated hospital:clinic clinical:medical death:mortality mortality:deaths risk:danger
risks:dangers group:cohort groups:cohorts analysis:evaluation analyses:evaluations evaluate:assess
evaluated:assessed assess:evaluate assessed:evaluated assessment:appraisal compare:contrast compared:contrasted
different:distinct difference:gap differences:gaps similar:alike several:multiple many:numerous various:diverse
often:frequently usually:normally commonly:often common:frequent rare:uncommon rapid:fast rapidly:quickly
quickly:fast new:novel old:aged young:youthful main:chief major:principal mainly:chiefly primary:principal
effect:impact effects:impacts cause:trigger causes:triggers caused:triggered caused:provoked lead:bring leads:brings
led:brought change:shift changes:shifts changed:shifted improve:enhance improved:enhanced improves:enhances
improvement:enhancement reduce:cut reduced:cut reduces:cuts reduction:cutback develop:devise developed:devised
development:evolution provide:supply provides:supplies provided:supplied provide:offer include:comprise
includes:comprises included:comprised including:comprising contain:hold contains:holds contained:held form:shape
part:portion parts:portions number:count numbers:counts amount:quantity amounts:quantities rate:frequency
rates:frequencies level:degree levels:degrees total:overall sum:total whole:entire complete:full completely:fully
country:nation countries:nations city:town cities:towns government:administration war:conflict wars:conflicts
army:military king:monarch queen:monarch leader:head leaders:heads law:statute laws:statutes court:tribunal
case:instance cases:instances right:entitlement rights:entitlements member:participant members:participants
company:firm companies:firms work:labour worked:laboured works:labours worker:employee workers:employees job:post
money:funds price:cost costs:expenses cost:expense pay:remit paid:settled payment:remittance buy:purchase
bought:purchased sold:marketed sell:market film:movie movie:film films:movies song:track songs:tracks album:record
band:group singer:vocalist actor:performer actress:performer television:TV series:show show:programme season:run
episode:instalment book:volume books:volumes author:writer writer:author written:penned wrote:penned story:tale
stories:tales game:match games:matches team:squad teams:squads player:sportsman players:sportsmen won:gained
win:gain world:globe international:global national:countrywide area:zone areas:zones region:area regions:areas
place:spot places:spots located:situated near:close north:northern south:southern east:eastern west:western
river:stream mountain:peak road:street street:road building:structure built:erected school:college university:college
student:pupil students:pupils teacher:instructor water:liquid air:atmosphere blood:haematic heart:cardiac
brain:cerebral body:organism cell:cellular cells:cellular protein:polypeptide proteins:polypeptides gene:genetic
genes:genetic virus:pathogen viruses:pathogens viral:virus infection:contagion infections:contagions
infected:contaminated vaccine:inoculation vaccines:inoculations symptom:complaint symptoms:complaints pain:ache
severe:serious serious:grave acute:sudden chronic:lasting aim:goal aims:goals objective:purpose purpose:aim
conclusion:inference conclusions:inferences suggest:imply suggests:implies suggested:implied indicate:signal
indicates:signals indicated:signalled demonstrate:prove demonstrated:proved demonstrates:proves reported:described
report:account reports:accounts described:depicted data:figures information:details evidence:proof knowledge:insight
research:inquiry review:survey reviewed:surveyed test:check tests:checks tested:checked measure:gauge
measured:gauged measures:gauges measurement:gauging observed:noticed obtained:gathered collected:gathered
performed:conducted conducted:performed received:got given:handed taken:received took:received became:turned
become:turn called:named known:familiar named:called considered:deemed based:founded associated:linked
association:link related:connected relationship:connection independent:separate potential:possible possible:feasible
potentially:possibly likely:probable early:initial earlier:sooner late:tardy later:afterwards first:initial
second:2nd third:3rd last:final final:last previous:prior previously:formerly current:present currently:presently
recent:latest recently:lately original:initial originally:initially general:broad generally:broadly
approximately:approx. about:approx. percent:pct percentage:pct january:Jan february:Feb march:Mar april:Apr
august:Aug september:Sept october:Oct november:Nov december:Dec monday:Mon tuesday:Tue friday:Fri number:no.
street:St doctor:Dr mister:Mr versus:vs kilometres:km kilometers:km metres:m meters:m centimetres:cm hours:hrs
hour:hr minutes:min minute:min weeks:wks week:wk months:mths month:mth days:d department:dept government:govt
university:univ association:assoc one:1 two:2 three:3 four:4 five:5 six:6 seven:7 eight:8 nine:9 ten:10 twelve:12
twenty:20 thirty:30 fifty:50 hundred:100 letter:note letters:notes meeting:session asked:requested ask:request
asks:requests said:stated says:states told:informed spoke:talked agreed:consented refused:declined wants:wishes
wanted:wished visit:call visited:called left:departed arrived:came kept:retained keep:retain lost:missing
broken:faulty damage:harm repair:fix repaired:fixed safe:secure safety:security car:vehicle train:railway
family:relatives mother:mum father:dad wife:spouse husband:spouse daughter:girl son:boy friend:companion
signed:initialled agreement:contract contract:agreement claim:demand claims:demands fee:charge fees:charges
complaint:grievance reply:answer decision:ruling decided:ruled reason:ground reasons:grounds rule:regulation
rules:regulations period:span time:moment times:moments daily:everyday weekly:every-week morning:a.m. night:overnight
""".split()
SYNONYMS: dict[str, tuple[str, ...]] = {}
for _pair in _PAIRS:
    _word, _other = _pair.split(":")
    SYNONYMS[_word] = (*SYNONYMS.get(_word, ()), _other)

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ENDINGS = (
    # The first ending that fits is exchanged; at least three letters have to stay in front of it.
    ("ically", "ic"), ("ingly", "ing"), ("ously", "ous"), ("ally", "al"), ("edly", "ed"), ("ly", ""),
    ("isation", "ising"), ("ization", "izing"), ("ations", "ation"), ("ation", "ations"), ("ments", "ment"),
    ("ment", "ments"), ("nesses", "ness"), ("ness", ""), ("ities", "ity"), ("ity", "ities"), ("ies", "y"),
    ("sses", "ss"), ("ss", "sses"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("us", "uses"), ("is", "es"),
    ("ied", "ying"), ("ying", "ies"), ("ating", "ates"), ("ated", "ating"), ("ates", "ated"), ("ate", "ated"),
    ("ised", "ising"), ("ized", "izing"), ("ising", "ises"), ("izing", "izes"), ("ance", "ances"), ("ence", "ences"),
    ("ers", "er"), ("ors", "or"), ("ing", "ings"), ("ed", "ing"), ("s", ""), ("y", "ies"), ("x", "xes"),
    ("ch", "ches"), ("sh", "shes"), ("e", "es"),
)  # fmt: skip


def substitute(word: str, draw: random.Random, name: bool = False) -> str | None:
    """Another word, or another form, for a word without punctuation.

    Args:
        word: As it is written, capitals included.
        draw: Chooses among several synonyms.
        name: Whether it is part of a name of several words, which may be cut to an initial.

    Returns:
        None for single letters and for what has digits between letters, which stand for themselves.
    """
    lower = word.lower()
    if lower in SYNONYMS:
        other = draw.choice(SYNONYMS[lower])
        return other.capitalize() if word[0].isupper() else other
    if word.isdigit():
        return _number(int(word))
    if not word.isalpha() or len(word) < 3:
        return None
    if name and len(word) > 3 and draw.random() < 0.5:
        return word[0] + "."
    return _other_form(word)


def _number(number: int) -> str:
    """In words up to a hundred, a year by its last digits, a larger number rounded as from memory."""
    if number < len(_UNITS):
        return _UNITS[number]
    if 20 <= number < 100:
        tens, unit = divmod(number, 10)
        return _TENS[tens - 2] + (f"-{_UNITS[unit]}" if unit else "")
    if 1500 <= number < 2100:
        return f"'{number % 100:02}"
    step = 10 ** max(len(str(number)) - 2, 1)
    near = round(number / step) * step
    return f"some {near + step if near == number else near}"


def _other_form(word: str) -> str:
    if word.isupper():
        return word + "s"
    for ending, other in _ENDINGS:
        if word.lower().endswith(ending) and len(word) - len(ending) >= 3:
            return word[: len(word) - len(ending)] + other
    return word + "s"
