"""The invented world that documents are set in: names of people, places, institutions, drugs, laws, things.

One `World` is drawn per seed. Records draw institutions from the head of each list, so that many documents
share a clinic, a drug or a law (hard negatives for a retriever), while every person's full name and every
entity with a reference passage of its own is used once, so that a question has one right passage.
"""

from __future__ import annotations

from random import Random

from . import lexicon as lex

SHARED = 9
"""How many names of a list the records draw from; fewer names mean denser clusters."""

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def _mix(rng: Random, starts: str, ends: str, count: int) -> list[str]:
    pairs = [start + end for start in starts.split() for end in ends.split() if start[-1].lower() != end[0]]
    return rng.sample(pairs, count)


def _resolve(text: str, values: dict[str, str]) -> str:
    for name, known in values.items():
        text = text.replace("{" + name + "}", known)
    return text


class World:
    """Names and values of one seed; every draw takes its randomness from the given generator."""

    def __init__(self, rng: Random) -> None:
        """Draw all names.

        Args:
            rng: the seeded generator.
        """
        self._rng = rng
        self._people: dict[str, None] = {}
        self.surnames = _mix(rng, lex.SURNAME_STARTS, lex.SURNAME_ENDS, 260)
        towns = _mix(rng, lex.TOWN_STARTS, lex.TOWN_ENDS, 70)
        regions = _mix(rng, lex.REGION_STARTS, lex.REGION_ENDS, 7)
        names = iter(rng.sample(self.surnames, 200))
        town = iter(towns[:9] * 12)
        self.pools: dict[str, list[str]] = {"town": towns, "region": regions, "surname": self.surnames}
        for key, kinds in lex.TOWN_INSTITUTIONS.items():
            self.pools[key] = [
                (f"{next(names)} {kinds[i % len(kinds)]}" if i % 3 else f"{next(town)} {kinds[i % len(kinds)]}")
                for i in range(SHARED)
            ]
        self.pools["street"] = [f"{next(names)} {kind}" for kind in lex.STREETS]
        self.pools["drug"] = _mix(rng, lex.DRUG_STARTS, lex.DRUG_ENDS, 40)
        self.pools["disease"] = [
            f"{rng.choice((next(names), rng.choice(towns)))} {lex.DISEASES[i % len(lex.DISEASES)]}" for i in range(36)
        ]
        self.pools["statute"] = [
            f"{rng.choice(regions)} {topic} Act {rng.randint(1931, 2016)}"
            for topic in rng.sample(lex.STATUTES, len(lex.STATUTES))
        ]
        brands = _mix(rng, lex.BRAND_STARTS, lex.BRAND_ENDS, 60)
        self.pools["brand"] = brands
        for key, things, form in (
            ("machine", lex.MACHINES, "{brand} {code} {thing}"),
            ("gadget", lex.GADGETS, "{brand} {code} {thing}"),
            ("product", lex.PRODUCTS, "{brand} {thing}"),
            ("species", lex.SPECIES, "{town} {thing}"),
            ("event", lex.EVENTS, "{town} {thing} of {year}"),
            ("building", lex.BUILDINGS, "{town} {thing}"),
            ("festival", lex.FESTIVALS, "{town} {thing}"),
            ("method", lex.METHODS, "{surname} {thing}"),
            ("dish", lex.DISHES, "{town} {thing}"),
            ("mineral", lex.MINERALS, "{stem}{thing}"),
        ):
            chosen = rng.sample(things, len(things)) * 2
            pool: dict[str, None] = {}
            for thing in chosen[:36]:
                values = {
                    "brand": rng.choice(brands), "thing": thing, "town": rng.choice(towns),
                    "code": f"{rng.choice('BCDGHKLMPRTVX')}{rng.choice((10, 12, 20, 24, 35, 40, 55, 60, 90, 120))}",
                    "year": str(rng.randint(1612, 1938)), "surname": rng.choice(self.surnames),
                    "stem": rng.choice(lex.TOWN_STARTS.split()),
                }  # fmt: skip
                pool[form.format(**values)] = None
            self.pools[key] = list(pool)
        self.pools["policy"] = [
            f"{rng.choice(self.pools[owner])} {topic}" for topic in lex.POLICIES for owner in lex.POLICY_OWNERS[topic]
        ]
        self.pools["policy"] = list(dict.fromkeys(self.pools["policy"]))
        rng.shuffle(self.pools["policy"])
        self._next: dict[str, int] = {}

    def person(self, rng: Random) -> tuple[str, str, bool]:
        """Invent a person whose full name nobody else has.

        Returns:
            First name, surname, and whether the person is a woman.
        """
        while True:
            woman = rng.random() < 0.5
            first = rng.choice(lex.WOMEN if woman else lex.MEN)
            last = rng.choice(self.surnames)
            if f"{first} {last}" not in self._people:
                self._people[f"{first} {last}"] = None
                return first, last, woman

    def draw(self, spec: str, rng: Random) -> str:
        """Draw one value of a slot's kind.

        Args:
            spec: what stands after ``=`` in the grammar.
            rng: the source of choices.

        Returns:
            The value; a choice may still mention other slots.
        """
        if not spec.startswith("@"):
            return rng.choice([choice.strip() for choice in spec.split("|")])
        word, *args = spec[1:].split(" ")
        if word == "date":
            first, last = (int(arg) for arg in args)
            return f"{rng.randint(1, 28)} {rng.choice(_MONTHS)} {rng.randint(first, last)}"
        if word == "year":
            return str(rng.randint(int(args[0]), int(args[1])))
        if word == "int":
            low, high, unit = int(args[0]), int(args[1]), " ".join(args[2:])
            step = 1 if high - low < 70 else 5 if high - low < 600 else 50
            return f"{rng.randrange(low, high + 1, step):,} {unit}".strip()
        if word == "decimal":
            return f"{rng.uniform(float(args[0]), float(args[1])):.1f} {' '.join(args[2:])}".strip()
        if word in ("money", "share"):
            if word == "share":
                whole = float(args[0].lstrip("£").replace(",", ""))
                amount = int(whole * rng.randint(20, 96) / 100)
            else:
                amount = rng.randint(int(args[0]), int(args[1]))
            if amount > 2000:
                return f"£{round(amount, -1):,}"
            return f"£{amount:,}" if rng.random() < 0.6 else f"£{amount:,}.{rng.choice((20, 40, 50, 75, 80, 95))}"
        if word == "time":
            return f"{rng.randint(7, 11)}.{rng.choice(('05', '10', '20', '35', '40', '50'))} {rng.choice(('am', 'pm'))}"
        if word == "ref":
            return f"{args[0]}-{rng.randint(10234, 98765)}"
        if word == "name":
            return " ".join(self.person(rng)[:2])
        if word == "doctor":
            return f"Dr {rng.choice(self.surnames)}"
        if word == "titled":
            return f"{rng.choice(('Mr', 'Ms', 'Mrs'))} {rng.choice(self.surnames)}"
        if word == "match":
            pool, known = self.pools[args[0]], " ".join(args[1:])
            other = next(names for key, names in self.pools.items() if key != args[0] and known in names)
            return pool[other.index(known) % len(pool)]
        if word == "address":
            return f"{rng.randint(2, 97)} {rng.choice(self.pools['street'])}"
        if word == "list":
            return rng.choice(lex.LISTS[args[0]])
        pool = self.pools[word]
        return rng.choice(pool if args == ["any"] else pool[:SHARED])

    def values(self, slots: list[tuple[str, str]], rng: Random) -> dict[str, str]:
        """Draw all slots of a kind; people also get their first name, surname and pronouns.

        Args:
            slots: slot names and specs, in order.
            rng: the source of choices.

        Returns:
            Slot values, every mention of another slot resolved.
        """
        values: dict[str, str] = {}
        for name, spec in slots:
            if spec == "@person":
                first, last, woman = self.person(rng)
                he, his, him = ("she", "her", "her") if woman else ("he", "his", "him")
                values |= {
                    name: f"{first} {last}", f"{name}_f": first, f"{name}_l": last,
                    f"{name}_he": he, f"{name}_his": his, f"{name}_him": him,
                    f"{name}_He": he.title(), f"{name}_His": his.title(), f"{name}_Mr": "Ms" if woman else "Mr",
                }  # fmt: skip
            elif spec.startswith("@new "):
                key = spec[5:]
                position = self._next.get(key, 0)
                self._next[key] = position + 1
                values[name] = self.pools[key][position]
            else:
                for _ in range(9):
                    value = _resolve(self.draw(_resolve(spec, values), rng), values)
                    if value not in values.values():
                        break
                values[name] = value
        return values

    def other(self, spec: str, value: str, values: dict[str, str], rng: Random) -> str | None:
        """Draw a wrong value of the same kind, not to be mistaken for the right one.

        Args:
            spec: the slot's spec.
            value: the right value.
            values: all values of the document.
            rng: the source of choices.

        Returns:
            The wrong value, or None where the kind offers none.
        """
        for _ in range(60):
            drawn = _resolve(self.draw(_resolve(spec, values), rng), values)
            low, right = drawn.lower(), value.lower()
            if low not in right and right not in low and drawn not in values.values():
                return drawn
        return None
