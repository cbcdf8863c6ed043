"""CNCF Serverless Workflow 0.8: its documents as typed values, with every mistake pointed out on its line.

::

    loaded = load(document)
    if loaded.workflow is not None:
        for use in loaded.workflow.operations():
            ...

`model` holds the structs, `rules` every code, `schema` the JSON Schema for editors.
"""

from evenweave.definitions.swf08.load import FILES, Loaded, check_schema, is_schema_valid, load
from evenweave.definitions.swf08.model import OperationUse, Workflow
from evenweave.definitions.swf08.profile import PROFILE, PROFILES, Profile, name_profile
from evenweave.definitions.swf08.schema import schema

__all__ = [
    "FILES",
    "PROFILE",
    "PROFILES",
    "Loaded",
    "OperationUse",
    "Profile",
    "Workflow",
    "check_schema",
    "is_schema_valid",
    "load",
    "name_profile",
    "schema",
]
