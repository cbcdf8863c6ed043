"""The JSON Schema of the definitions that `load` takes, for editors; made from the structs of the model."""

from typing import Any

from evenweave.definitions.swf08.grammar import definition_shape


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft-07) of Serverless Workflow 0.8 as Evenweave accepts it.

    It takes what `load` takes with no more than warnings about structure: short forms, the names of version 0.9, URIs
    of resources. It does not know what expressions and times look like inside, and which names exist.
    """
    definitions: dict[str, Any] = {}
    definition_shape().schema(definitions)
    workflow = definitions.pop("Workflow")
    draft = "http://json-schema.org/draft-07/schema#"
    return {"$schema": draft, "title": "Serverless Workflow 0.8", **workflow, "definitions": definitions}
