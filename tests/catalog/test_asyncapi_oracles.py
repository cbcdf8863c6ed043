"""The official documents, schemas and test suite agree with what is found in documents here."""

import copy
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from evenweave.catalog.asyncapi import read
from evenweave.source import Diagnostic, Document, load

SHARED = Path(os.environ.get("EVENWEAVE_SHARED", Path(__file__).parents[3] / "shared"))

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the documents of the standards are not in {SHARED}")

EXAMPLES = SHARED / "specs/asyncapi/v2.6.0/examples"
SUITE = SHARED / "corpora/asyncapi-tck/tests"
ORDERS = SHARED / "store-order"


def bundle(folder: Path) -> dict[str, Document]:
    """Return every document below ``folder`` by its name there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".yaml", ".yml", ".json"}:
            name = path.relative_to(folder).as_posix()
            document = load(name, path.read_bytes()).document
            if document is not None:
                found[name] = document
    return found


def errors(found: tuple[Diagnostic, ...]) -> list[Diagnostic]:
    """Return the errors among diagnostics."""
    return [each for each in found if each.severity == "error"]


def test_oracle_store_order_gives_six_warnings() -> None:
    """The four services of the store order, as printed, give six warnings of messages without a schema, and no more."""
    if not ORDERS.is_dir():
        pytest.skip("the store order's documents are not there")
    found = []
    for name in ("onlineStoreApp", "orderService", "paymentService", "shipmentService"):
        document = load(f"{name}.yaml", (ORDERS / f"{name}.yaml").read_bytes()).document
        assert document is not None
        loaded = read(document)
        assert loaded.service is not None
        found += [(each.file, each.span.start_line, each.code, each.severity) for each in loaded.diagnostics]
    assert found == [
        ("onlineStoreApp.yaml", 10, "AA310", "warning"),
        ("orderService.yaml", 10, "AA310", "warning"),
        ("orderService.yaml", 15, "AA310", "warning"),
        ("paymentService.yaml", 10, "AA310", "warning"),
        ("paymentService.yaml", 15, "AA310", "warning"),
        ("shipmentService.yaml", 10, "AA310", "warning"),
    ]


def test_oracle_official_examples_have_no_errors() -> None:
    """Every official example of 2.6 is read, with the files that belong to it."""
    given = bundle(EXAMPLES)
    documents = [each for each in given.values() if "asyncapi" in each.value]
    assert len(documents) >= 20
    for document in documents:
        loaded = read(document, given)
        assert loaded.service is not None, errors(loaded.diagnostics)
        assert {each.severity for each in loaded.diagnostics} <= {"info"}
        assert loaded.service.operations


def test_oracle_test_suite_agrees() -> None:
    """What AsyncAPI's own test suite calls valid has no errors, and what it calls invalid has."""
    agree, differ = 0, []
    for folder in sorted({path.parent for path in SUITE.glob("asyncapi-2.*/**/*.yaml")}):
        given = bundle(folder)
        for path in sorted(folder.glob("*.yaml")):
            if not path.name.startswith(("valid", "invalid")):
                continue
            loaded = load(path.name, path.read_bytes())
            found = loaded.diagnostics
            if loaded.document is not None:
                found += read(loaded.document, given).diagnostics
            if bool(errors(found)) == path.name.startswith("invalid"):
                agree += 1
            else:
                differ.append(path.relative_to(SUITE).as_posix())
    print(f"agrees with {agree} of {agree + len(differ)} documents of the test suite")
    # A discriminator that is not required is a warning; that an example is among an enumeration's values is no rule.
    assert differ == [
        "asyncapi-2.0/Schema Object/invalid-polymorphism-discriminated-field-not-required.yaml",
        "asyncapi-2.0/Server Variable Object/invalid-examples-item.yaml",
    ]
    assert agree >= 303


def mutate(value: Any, chance: random.Random) -> Any:
    """Return a copy of a document with one thing in it made wrong, perhaps."""
    changed = copy.deepcopy(value)
    places: list[tuple[Any, Any]] = []
    todo = [changed]
    while todo:
        here = todo.pop()
        for key, item in list(here.items() if isinstance(here, dict) else enumerate(here)):
            places.append((here, key))
            if isinstance(item, dict | list):
                todo.append(item)
    here, key = chance.choice(places)
    match chance.randrange(5):
        case 0:
            del here[key]
        case 1:
            here[key] = 17
        case 2:
            here[key] = "zz zz"
        case 3:
            here[key] = None
        case _:
            here[key] = {**here[key], "bogus": 1} if isinstance(here[key], dict) else {"bogus": 1}
    return changed


def test_oracle_official_schema_agrees_on_mutants() -> None:
    """What the official schema of 2.6 refuses has an error here; what it takes and is refused here has a reason."""
    official = jsonschema_rs.validator_for(
        msgspec.json.decode((SHARED / "specs/asyncapi/schemas/2.6.0.json").read_bytes())
    )
    chance = random.Random(7)
    counts: Counter[tuple[bool, bool]] = Counter()
    reasons: Counter[str] = Counter()
    for path in sorted(EXAMPLES.glob("*.yml")):
        document = load(path.name, path.read_bytes()).document
        assert document is not None
        for _ in range(40):
            value = {**mutate(document.value, chance), "asyncapi": "2.6.0"}
            mutant = load(f"{path.name}.json", msgspec.json.encode(value)).document
            assert mutant is not None
            found = errors(read(mutant).diagnostics)
            taken = official.is_valid(value)
            if '"enum":[]' in mutant.text and not found:
                continue  # draft-07 says that there should be a value, the official schema that there must
            counts[taken, not found] += 1
            if found and taken:
                reasons.update({found[0].code})
    print(f"agrees on {counts[True, True] + counts[False, False]} of {counts.total()} mutants; {dict(reasons)}")
    assert counts[False, True] == 0
    # Beyond the official schema: references lead somewhere, security schemes exist, bindings are mappings.
    assert set(reasons) <= {"AA301", "AA406", "AA202"}
    assert counts[True, True] + counts[False, False] >= 0.94 * counts.total()
