"""The Catalog: services described in AsyncAPI, and how their operations are found.

:mod:`evenweave.catalog.asyncapi` turns a document into a service, :mod:`evenweave.catalog.registry` finds an operation
by a reference such as ``file://orderService.yaml#sendOrder``, and :mod:`evenweave.catalog.validator` checks data
against the messages of an operation. Everything is in memory and does no I/O: who keeps documents gives them here.
"""
