"""What the lint rules look at: a workflow, taken apart once by kind of part."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TypeVar

from evenweave.definitions.swf08.model import ContinueAs, Node, StateNode, Transition, Workflow

_NodeType = TypeVar("_NodeType", bound=Node)


class Scope:
    """A workflow for the rules: it may have blanks where the document is wrong; what is blank is not reported again.

    Attributes:
        workflow: the definition.
        unread: top-level properties whose content is not known: names in them cannot be judged.
        states: name -> the first state of that name.
        is_given: whether a name is written at a reference, and no blank; one may be written, and be empty.
        evaluated: names of the expression functions that expressions name.
    """

    def __init__(
        self,
        workflow: Workflow,
        unread: frozenset[str],
        is_given: Callable[[str, str], bool],
        evaluated: frozenset[str],
    ) -> None:
        """Take the workflow apart."""
        self.is_given = is_given
        self.evaluated = evaluated
        self.workflow = workflow
        self.unread = unread
        self.states: dict[str, StateNode] = {}
        for state in workflow.states:
            self.states.setdefault(state.name, state)
        self._nodes: defaultdict[type[Node], list[Node]] = defaultdict(list)
        for node in walk(workflow):
            self._nodes[type(node)].append(node)

    def all(self, kind: type[_NodeType]) -> list[_NodeType]:
        """Return every part of one kind, in the order of the document."""
        return self._nodes[kind]  # type: ignore[return-value] # each list holds the kind of its key

    @property
    def whole(self) -> bool:
        """Whether every state could be read as what it is, so that the flow can be judged."""
        return all(state.name and type(state) is not StateNode for state in self.workflow.states)

    def targets(self, node: Node) -> Iterator[str]:
        """Return the names of the states that a part of the definition leads to."""
        for part in walk(node):
            if isinstance(part, Transition) and part.next_state:
                yield part.next_state


def run_before_uses(scope: Scope) -> Iterator[tuple[str, str]]:
    """Each state that runs before a timed-out instance of the workflow ends: its name, and where that is written.

    A time-out of `continueAs` is about the workflow that it names, whose states are known where it is this one.
    """
    workflow = scope.workflow
    limits = [] if workflow.timeouts is None else [workflow.timeouts.workflow_exec_timeout]
    limits += [
        other.workflow_exec_timeout
        for other in scope.all(ContinueAs)
        if other.workflow_id == workflow.id and other.version in {None, workflow.version}
    ]
    for limit in limits:
        if limit is not None and limit.run_before:
            yield limit.run_before, f"{limit.ref}/runBefore"


def walk(node: Node) -> Iterator[Node]:
    """Visit a part of a definition and every part within it, in the order of the document."""
    yield node
    for name in node.__struct_fields__:
        value = getattr(node, name)
        if isinstance(value, Node):
            yield from walk(value)
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, Node):
                    yield from walk(item)
