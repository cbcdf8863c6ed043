"""Definitions: the documents of a workflow language, typed as written and checked, without input or output.

`swf08` reads CNCF Serverless Workflow 0.8. Floor 1: only `source` and `jq` are below it.
"""
