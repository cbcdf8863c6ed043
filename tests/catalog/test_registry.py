"""Operations are found by the references that definitions use."""

import pytest

from evenweave.catalog.asyncapi import Service, read
from evenweave.catalog.registry import Registry
from evenweave.errors import UnknownDocument, UnknownOperation
from evenweave.source import load


def service(
    name: str = "orderService.yaml",
    title: str = "Order Service",
    version: str = "1.0.0",
    channel: str = "order/inbound",
    id_: str = "urn:example:orders",
) -> Service:
    """Return a service with the operations sendOrder and order.in#2."""
    text = (
        f"asyncapi: 2.2.0\nid: {id_}\ninfo: {{title: {title}, version: '{version}'}}\nchannels:\n"
        f"  {channel}:\n    publish: {{operationId: sendOrder}}\n    subscribe: {{operationId: 'order.in#2'}}\n"
    )
    document = load(name, text).document
    assert document is not None
    found = read(document).service
    assert found is not None
    return found


@pytest.mark.parametrize(
    "document",
    [
        "file://orderService.yaml",
        "orderService.yaml",
        "Order Service",
        "file://Order Service.yaml",
        "file://Order%20Service.yaml",
        "urn:example:orders",
        "orderService.yaml@1.0.0",
        "Order Service@1.0.0",
        "orderService.yaml@latest",
    ],
)
def test_registry_finds_by_every_name_of_a_document(document: str) -> None:
    """A file name, a title and an id lead to the same operation, with a version behind them or without."""
    registry = Registry()
    registry.add(service())
    assert registry.find(f"{document}#sendOrder").channel == "order/inbound"


def test_registry_splits_at_the_first_hash() -> None:
    """An operation id may hold a hash itself."""
    registry = Registry()
    registry.add(service())
    assert registry.find("orderService.yaml#order.in#2").direction == "subscribe"


def test_registry_finds_a_file_without_its_folders() -> None:
    """The last part of a file name is enough, and a whole name that is the same goes first."""
    registry = Registry()
    registry.add(service("orderService.yaml", channel="own"))
    registry.add(service("shop/orderService.yaml", title="Other", channel="other", id_="urn:other"))
    assert registry.find("shop/orderService.yaml#sendOrder").channel == "other"
    assert registry.find("file://orderService.yaml#sendOrder").channel == "own"
    registry.remove("orderService.yaml")
    assert registry.find("file://orderService.yaml#sendOrder").channel == "other"


def test_registry_answers_with_the_newest_version() -> None:
    """A new version serves at once, and older ones are still there under their version."""
    registry = Registry()
    first = registry.add(service(channel="old"))
    second = registry.add(service(channel="new", version="2.0.0"))
    assert (first.number, second.number) == (1, 2)
    assert registry.find("orderService.yaml#sendOrder").channel == "new"
    assert registry.find("orderService.yaml@1.0.0#sendOrder").channel == "old"
    assert [each.service.version for each in registry.versions("orderService.yaml")] == ["1.0.0", "2.0.0"]
    assert [each.version for each in registry.services()] == ["2.0.0"]


def test_registry_corrected_document_of_the_same_version_takes_effect() -> None:
    """A document that changes without a new version number answers in its new form."""
    registry = Registry()
    registry.add(service(channel="old"))
    registry.add(service(channel="new"))
    assert registry.find("orderService.yaml@1.0.0#sendOrder").channel == "new"


def test_registry_same_content_is_no_new_version() -> None:
    """Registering a document again changes nothing; going back to an older content does."""
    registry = Registry()
    one, other = service(channel="one"), service(channel="other")
    assert registry.add(one) is registry.add(one)
    assert [registry.add(each).number for each in (one, other, other, one)] == [1, 2, 2, 3]


def test_registry_newest_answers_for_a_shared_title() -> None:
    """Of two documents with one title, the one registered last answers."""
    registry = Registry()
    registry.add(service("a.yaml", channel="a"))
    registry.add(service("b.yaml", channel="b"))
    assert registry.find("Order Service#sendOrder").channel == "b"
    registry.add(service("a.yaml", channel="a2"))
    assert registry.find("Order Service#sendOrder").channel == "a2"


def test_registry_forgets_what_is_removed() -> None:
    """A removed document is unknown, with all its versions."""
    registry = Registry()
    registry.add(service())
    assert registry.remove("orderService.yaml")
    assert not registry.remove("orderService.yaml")
    assert registry.versions("orderService.yaml") == []
    with pytest.raises(UnknownDocument):
        registry.find("orderService.yaml#sendOrder")


@pytest.mark.parametrize(
    ("ref", "kind", "words"),
    [
        ("file://ordrService.yaml#sendOrder", UnknownDocument, 'did you mean "orderService.yaml"?'),
        ("file://warehouse.yaml#pick", UnknownDocument, "evenweave register warehouse.yaml"),
        ("orderService.yaml@9#sendOrder", UnknownDocument, "1.0.0"),
        ("orderService.yaml#sendOrdr", UnknownOperation, 'did you mean "sendOrder"?'),
        ("orderService.yaml#xyz", UnknownOperation, "it has sendOrder, order.in#2"),
        ("orderService.yaml", UnknownOperation, "<document>#<operation id>"),
        ("#sendOrder", UnknownOperation, "<document>#<operation id>"),
        ("", UnknownOperation, "<document>#<operation id>"),
    ],
)
def test_registry_says_what_is_unknown(ref: str, kind: type[UnknownOperation], words: str) -> None:
    """An unknown document and an unknown operation are told apart, each with what was probably meant."""
    registry = Registry()
    registry.add(service())
    with pytest.raises(UnknownOperation) as caught:
        registry.find(ref)
    assert type(caught.value) is kind
    assert words in caught.value.hint
    assert caught.value.ref == ref
