"""From the text of an expression to its syntax tree: recursive descent, with precedence climbing for the operators."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from evenweave.jq import syntax
from evenweave.jq.errors import JqSyntaxError
from evenweave.jq.terms import Terms
from evenweave.jq.tokens import MAX_NESTING
from evenweave.jq.values import negate

if TYPE_CHECKING:
    from evenweave.jq.syntax import Node

MAX_HEIGHT: Final = 150
"""How high a syntax tree may be, counting operators too."""

# The binding powers of the binary operators; a higher one binds tighter.
_PRECEDENCE: Final = {
    "?//": 1, "//": 1,
    "=": 2, "|=": 2, "+=": 2, "-=": 2, "*=": 2, "/=": 2, "%=": 2, "//=": 2,
    "or": 3, "and": 4,
    "==": 5, "!=": 5, "<": 5, "<=": 5, ">": 5, ">=": 5,
    "+": 6, "-": 6, "*": 7, "/": 7, "%": 7,
}  # fmt: skip
_RIGHT: Final = frozenset(("//", "?//"))
_NO_ASSOCIATION: Final = frozenset((2, 5))


def parse(source: str) -> Node:
    """The syntax tree of a whole expression. An empty one stands for ``.``, as in jq.

    Raises:
        JqSyntaxError: the text is no expression.
    """
    return _Parser(source).parse_program()


def parse_definitions(source: str) -> tuple[syntax.Function, ...]:
    """The functions that a text of definitions, and nothing else, defines."""
    parser = _Parser(source)
    functions: list[syntax.Function] = []
    while parser.is_keyword("def"):
        functions.append(parser.parse_function())
    parser.expect("end")
    return tuple(functions)


class _Parser(Terms):
    __slots__ = ()

    # Queries: pipes, commas, bindings, definitions

    def parse_program(self) -> Node:
        if self.token.kind == "end":
            return syntax.Identity(0)
        tree = self.parse_query(allow_empty=True)
        if self.token.kind != "end":
            raise self.unexpected("expecting end of file")
        _check_height(tree, self.source)
        return tree

    def parse_query(self, *, allow_empty: bool = False, comma: bool = True) -> Node:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.error("The expression is nested too deeply", self.token.at)
        at = self.token.at
        stages = [self.parse_stage(allow_empty=allow_empty, comma=comma)]
        while self.token.kind == "|":
            self.advance()
            stages.append(self.parse_stage(comma=comma))
        self.nesting -= 1
        return stages[0] if len(stages) == 1 else syntax.Pipe(at, tuple(stages))

    def parse_stage(self, *, allow_empty: bool = False, comma: bool) -> Node:
        """What stands between two pipes: expressions with commas. A definition or binding takes all that follows."""
        at = self.token.at
        items = [self.parse_item(allow_empty=allow_empty, comma=comma)]
        while comma and self.token.kind == ",":
            self.advance()
            items.append(self.parse_item(comma=comma))
        return items[0] if len(items) == 1 else syntax.Comma(at, tuple(items))

    def parse_item(self, *, allow_empty: bool = False, comma: bool) -> Node:
        at = self.token.at
        # Inside an object, where a comma ends a value, jq's grammar has no definitions, labels and bindings.
        if self.token.kind == "keyword" and comma:
            if self.token.text == "def":
                return self.parse_define(allow_empty=allow_empty)
            if self.token.text == "label":
                self.advance()
                name = self.expect("binding").text
                self.expect("|")
                return syntax.Label(at, name, self.parse_query())
        expression = self.parse_expression(1)
        if not comma or not self.is_keyword("as"):
            return expression
        self.advance()
        patterns = self.parse_patterns()
        self.expect("|")
        return syntax.Bind(at, expression, patterns, self.parse_query())

    def parse_define(self, *, allow_empty: bool) -> Node:
        functions = [self.parse_function()]
        while self.is_keyword("def"):
            functions.append(self.parse_function())
        if allow_empty and self.token.kind == "end":
            body: Node = syntax.Identity(self.token.at)
        else:
            body = self.parse_query()
        for function in reversed(functions):
            body = syntax.Define(function.at, function, body)
        return body

    def parse_function(self) -> syntax.Function:
        at = self.advance().at
        if self.token.kind not in {"name", "keyword"}:
            raise self.unexpected()
        name = self.advance().text
        parameters: list[syntax.Parameter] = []
        if self.token.kind == "(":
            self.advance()
            while True:
                if self.token.kind not in {"name", "keyword", "binding"}:
                    raise self.unexpected()
                by_value = self.token.kind == "binding"
                parameters.append(syntax.Parameter(self.advance().text, by_value))
                if self.token.kind != ";":
                    break
                self.advance()
            self.expect(")")
        self.expect(":")
        body = self.parse_query()
        self.expect(";")
        return syntax.Function(at, name, tuple(parameters), body)

    # Expressions: operators

    def parse_expression(self, power: int) -> Node:
        left = self.parse_unary()
        while True:
            token = self.token
            operator = token.text if token.kind == "keyword" else token.kind
            precedence = _PRECEDENCE.get(operator, 0)
            if precedence < power:
                return left
            self.advance()
            right = self.parse_expression(precedence if operator in _RIGHT else precedence + 1)
            left = _combine(operator, left, right)
            following = self.token.text if self.token.kind == "keyword" else self.token.kind
            if precedence in _NO_ASSOCIATION and _PRECEDENCE.get(following, 0) == precedence:
                raise self.unexpected()

    def parse_unary(self) -> Node:
        at = self.token.at
        if self.token.kind == "-":
            self.advance()
            body = self.parse_unary()
            if (
                isinstance(body, syntax.Literal)
                and isinstance(body.value, (int, float))
                and body.value not in {True, False}
            ):
                return syntax.Literal(at, negate(body.value))
            return syntax.Negate(at, body)
        if self.is_keyword("try"):
            self.advance()
            body = self.parse_unary()
            handler = None
            if self.is_keyword("catch"):
                self.advance()
                handler = self.parse_unary()
            return syntax.Try(at, body, handler)
        return self.parse_postfix()

    def parse_postfix(self) -> Node:
        # A question mark covers just the last step of a path, but all of any other term, such as one in parentheses.
        closed = self.token.kind not in {"field", "."}
        term = self.parse_term()
        while True:
            at, kind = self.token.at, self.token.kind
            match kind:
                case "field":
                    term = syntax.Index(at, term, syntax.Literal(at, self.advance().text))
                case ".":
                    self.advance()
                    if self.token.kind == "quote":
                        term = syntax.Index(at, term, self.parse_string(None))
                    elif self.token.kind != "[":
                        raise self.unexpected()
                case "[":
                    term = self.parse_brackets(term)
                case "?":
                    self.advance()
                    if isinstance(term, (syntax.Index, syntax.Slice, syntax.Iterate)) and not closed:
                        term = replace(term, optional=True)
                    else:
                        term = syntax.Try(at, term, None)
                    closed = True
                    continue
                case _:
                    return term
            closed = False

    def parse_brackets(self, term: Node) -> Node:
        at = self.advance().at
        if self.token.kind == "]":
            self.advance()
            return syntax.Iterate(at, term)
        start: Node | None = None
        if self.token.kind != ":":
            start = self.parse_query()
            if self.token.kind == "]":
                self.advance()
                return syntax.Index(at, term, start)
        self.expect(":")
        stop = None if start is not None and self.token.kind == "]" else self.parse_query()
        self.expect("]")
        return syntax.Slice(at, term, start, stop)


def _combine(operator: str, left: Node, right: Node) -> Node:
    at = left.at
    match operator:
        case "//":
            return syntax.Alternative(at, left, right)
        case "?//":
            return syntax.Alternative(at, syntax.Try(at, left, None), right)
        case "and" | "or":
            return syntax.Logic(at, operator, left, right)
        case "==" | "!=" | "<" | "<=" | ">" | ">=" | "+" | "-" | "*" | "/" | "%":
            return syntax.Binary(at, operator, left, right)
        case _:
            return syntax.Assign(at, operator[:-1], left, right)


def _check_height(tree: Node, source: str) -> None:
    """Refuse a tree that is too high to walk by recursion; a chain of operators counts one level for each."""
    level = [tree]
    for _ in range(MAX_HEIGHT):
        level = [child for node in level for child in syntax.children(node)]
        if not level:
            return
    raise JqSyntaxError("The expression is nested too deeply", source, level[0].at)
