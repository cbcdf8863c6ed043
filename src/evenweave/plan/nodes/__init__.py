"""The plan: what a definition of any dialect compiles to (DESIGN section 4).

A plan is a tree of scopes; a scope holds named nodes, each with explicit edges. A node is named by its *position*: its
reference (a JSON pointer into the definition) and, where one element of the definition becomes several nodes, a role
(``/states/0/onEvents/0/actions/1#await``). Positions are never indices, so that an instance outlives a new compiler.

How a node runs, whatever its kind: it reads the data of the frame around it, narrows it by ``input``, does its work,
narrows the result by ``output``, folds it ``into`` the data of the frame around it, and leaves by an edge. Where two
dialects differ, their compilers choose other values here; the engine does not know which dialect a plan came from.
"""

from evenweave.plan.nodes.events import Accept, Correlate, EventMatch
from evenweave.plan.nodes.functions import Auth, Function
from evenweave.plan.nodes.kinds import (
    AnyNode,
    Await,
    Call,
    Case,
    Child,
    Compensate,
    Completed,
    ContinueAs,
    Do,
    Emit,
    Fork,
    Loop,
    Node,
    Raise,
    Scope,
    Set,
    Sleep,
    Switch,
    Validate,
)
from evenweave.plan.nodes.outcome import DISCARD, REPLACE, Edge, Into, Leave
from evenweave.plan.nodes.plan import Plan, Start, edges

__all__ = [
    "DISCARD",
    "REPLACE",
    "Accept",
    "AnyNode",
    "Auth",
    "Await",
    "Call",
    "Case",
    "Child",
    "Compensate",
    "Completed",
    "ContinueAs",
    "Correlate",
    "Do",
    "Edge",
    "Emit",
    "EventMatch",
    "Fork",
    "Function",
    "Into",
    "Leave",
    "Loop",
    "Node",
    "Plan",
    "Raise",
    "Scope",
    "Set",
    "Sleep",
    "Start",
    "Switch",
    "Validate",
    "edges",
]
