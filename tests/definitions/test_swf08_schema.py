"""The structural check against the official schema, and the schema for editors against the structural check."""

import json
import random

import jsonschema_rs
import pytest
from swf08_examples import examples, mutate, needs_shared, official, read, values

from evenweave import source
from evenweave.definitions.swf08 import Loaded, check_schema, is_schema_valid, load, schema

pytestmark = needs_shared

# What the schema for editors takes and refuses: the structural errors. Of the checks of meaning it knows only that an
# end is not false.
STRUCTURE = {"SW001", "SW002", "SW003", "SW004", "SW005", "SW006", "SW007", "SW204"}

MUTATIONS = 260
"""How many for each seed: together more than 2,000."""

# Where the verdicts of the official schema and of `check_schema` differ, with the reason: nowhere. What Evenweave
# takes beyond the official schema (SW020 to SW028) is known to both. `format: uri` is asserted by neither.


def structural(loaded: Loaded) -> bool:
    """Say whether the structure of a definition was found to be wrong."""
    return any(diagnostic.code in STRUCTURE for diagnostic in loaded.diagnostics)


@pytest.mark.parametrize(("name", "text"), list(examples()), ids=lambda value: value if len(value) < 80 else "")
def test_schema_agrees_with_official_schema_on_examples(name: str, text: str) -> None:
    """Each official example that parses has the same verdict as from the official schema."""
    document = source.load(name, text).document
    assert document is not None
    assert is_schema_valid(load(document).diagnostics) == official().is_valid(document.value)


@pytest.mark.parametrize("seed", range(8))
def test_schema_agrees_with_official_schema_on_mutations(seed: int) -> None:
    """Seeded mutations of the examples (2,080 in all) have the same verdict as from the official schema."""
    chance = random.Random(seed)
    bases = values()
    verdicts, different = [], []
    for number in range(MUTATIONS):
        value = mutate(chance, chance.choice(bases))
        document = source.load("mutated.json", json.dumps(value)).document
        assert document is not None
        found, expected = check_schema(document), official().is_valid(value)
        verdicts.append(expected)
        if expected == bool(found):
            reason = found[0].message if found else next(official().iter_errors(value)).message
            different.append(f"{seed}/{number}: {reason[:200]}")
    assert different == []
    assert {True, False} == set(verdicts)


def test_schema_for_editors_agrees_with_structural_check() -> None:
    """The schema made from the structs takes exactly what the structural check takes, on examples and mutations."""
    validator = jsonschema_rs.Draft7Validator(schema())
    chance = random.Random(8)
    bases = values()
    for value in bases + [mutate(chance, chance.choice(bases)) for _ in range(200)]:
        loaded = read(json.dumps(value), "mutated.json")
        assert validator.is_valid(value) != structural(loaded), (value, loaded.diagnostics)


def test_schema_is_itself_valid() -> None:
    """The schema for editors is a valid draft-07 schema, with a description for each property of a struct."""
    made = schema()
    assert jsonschema_rs.meta.is_valid(made)
    for name, definition in made["definitions"].items():
        bodies = [body for body in [definition, *definition.get("oneOf", [])] if "properties" in body]
        for body in bodies:
            for key, described in body["properties"].items():
                assert "const" in described or described["description"], (name, key)
