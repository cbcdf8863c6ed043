"""From the text of an expression to its syntax tree: recursive descent, with precedence climbing for the operators."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from evenweave.jq import syntax
from evenweave.jq.errors import JqSyntaxError
from evenweave.jq.lexer import Lexer, Token
from evenweave.jq.text import describe, read_number
from evenweave.jq.values import negate

if TYPE_CHECKING:
    from evenweave.jq.syntax import Node, Pattern

MAX_NESTING: Final = 100
"""How deep brackets, strings and definitions may nest. The parser and the compiler recurse over them."""

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
_REFUSED: Final = frozenset(("import", "include", "module"))


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


class _Parser:
    __slots__ = ("lexer", "nesting", "source", "token")

    def __init__(self, source: str) -> None:
        self.source = source
        self.lexer = Lexer(source)
        self.token = self.lexer.read(0)
        self.nesting = 0

    # Tokens

    def advance(self) -> Token:
        token = self.token
        self.token = self.lexer.read(token.stop)
        return token

    def is_keyword(self, text: str) -> bool:
        return self.token.kind == "keyword" and self.token.text == text

    def expect(self, kind: str) -> Token:
        if self.token.kind != kind:
            raise self.unexpected()
        return self.advance()

    def expect_keyword(self, text: str) -> None:
        if not self.is_keyword(text):
            raise self.unexpected(f"expecting {text}")
        self.advance()

    def unexpected(self, hint: str = "") -> JqSyntaxError:
        token = self.token
        what = "end of file" if token.kind == "end" else f"'{self.source[token.at : token.stop]}'"
        tail = f", {hint}" if hint else ""
        return JqSyntaxError(f"syntax error, unexpected {what}{tail}", self.source, token.at)

    def error(self, message: str, at: int) -> JqSyntaxError:
        return JqSyntaxError(message, self.source, at)

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

    # Terms

    def parse_term(self) -> Node:
        token = self.token
        at = token.at
        match token.kind:
            case ".":
                self.advance()
                if self.token.kind == "quote":
                    return syntax.Index(at, syntax.Identity(at), self.parse_string(None))
                return syntax.Identity(at)
            case "..":
                self.advance()
                return syntax.RecurseAll(at)
            case "field":
                self.advance()
                return syntax.Index(at, syntax.Identity(at), syntax.Literal(at, token.text))
            case "number":
                self.advance()
                return syntax.Literal(at, read_number(token.text))
            case "quote":
                return self.parse_string(None)
            case "format":
                self.advance()
                return self.parse_string(token.text) if self.token.kind == "quote" else syntax.Format(at, token.text)
            case "binding":
                self.advance()
                if token.text == "__loc__":
                    return syntax.Location(at, self.source.count("\n", 0, at) + 1)
                return syntax.Variable(at, token.text)
            case "(":
                self.advance()
                inner = self.parse_query()
                self.expect(")")
                return inner
            case "[":
                self.advance()
                body = None if self.token.kind == "]" else self.parse_query()
                self.expect("]")
                return syntax.Array(at, body)
            case "{":
                return self.parse_object()
            case "name":
                return self.parse_call()
            case "keyword":
                return self.parse_keyword()
            case _:
                raise self.unexpected()

    def parse_keyword(self) -> Node:
        at = self.token.at
        match self.token.text:
            case "if":
                return self.parse_if()
            case "reduce":
                source, patterns = self.parse_fold_head()
                start = self.parse_query()
                self.expect(";")
                update = self.parse_query()
                self.expect(")")
                return syntax.Reduce(at, source, patterns, start, update)
            case "foreach":
                source, patterns = self.parse_fold_head()
                start = self.parse_query()
                self.expect(";")
                update, extract = self.parse_query(), None
                if self.token.kind == ";":
                    self.advance()
                    extract = self.parse_query()
                self.expect(")")
                return syntax.Foreach(at, source, patterns, start, update, extract)
            case "break":
                self.advance()
                if self.token.kind != "binding":
                    raise self.error("break requires a label to break to", self.token.at)
                return syntax.Break(at, self.advance().text)
            case text if text in _REFUSED:
                raise self.error(f"{text} is not supported: an expression reads no other file", at)
            case _:
                raise self.unexpected()

    def parse_fold_head(self) -> tuple[Node, tuple[Pattern, ...]]:
        self.advance()
        source = self.parse_expression(1)
        self.expect_keyword("as")
        patterns = self.parse_patterns()
        self.expect("(")
        return source, patterns

    def parse_if(self) -> Node:
        branches: list[tuple[int, Node, Node]] = []
        while not branches or self.is_keyword("elif"):
            at = self.advance().at
            condition = self.parse_query()
            self.expect_keyword("then")
            branches.append((at, condition, self.parse_query()))
        otherwise: Node | None = None
        if self.is_keyword("else"):
            self.advance()
            otherwise = self.parse_query()
        self.expect_keyword("end")
        for at, condition, consequence in reversed(branches):
            otherwise = syntax.If(at, condition, consequence, otherwise)
        assert otherwise is not None
        return otherwise

    def parse_call(self) -> Node:
        token = self.advance()
        arguments: list[Node] = []
        if self.token.kind == "(":
            self.advance()
            arguments.append(self.parse_query())
            while self.token.kind == ";":
                self.advance()
                arguments.append(self.parse_query())
            self.expect(")")
        elif token.text in {"true", "false", "null"}:
            return syntax.Literal(token.at, {"true": True, "false": False, "null": None}[token.text])
        return syntax.Call(token.at, token.text, tuple(arguments))

    def parse_string(self, name: str | None) -> Node:
        at = self.token.at
        position = self.token.stop
        parts: list[str | Node] = []
        while True:
            text, position, interpolates = self.lexer.read_text(position)
            if text:
                parts.append(text)
            if not interpolates:
                break
            self.token = self.lexer.read(position)
            parts.append(self.parse_query())
            if self.token.kind != ")":
                raise self.unexpected()
            position = self.token.stop
        self.token = self.lexer.read(position)
        if all(isinstance(part, str) for part in parts):
            return syntax.Literal(at, "".join(str(part) for part in parts))
        return syntax.Text(at, tuple(parts), name)

    # Objects and patterns

    def parse_object(self) -> Node:
        at = self.advance().at
        entries: list[tuple[Node, Node]] = []
        while self.token.kind != "}":
            entries.append(self.parse_entry())
            if self.token.kind != ",":
                break
            self.advance()
            if self.token.kind == "}":
                raise self.unexpected()
        self.expect("}")
        return syntax.Object(at, tuple(entries))

    def parse_entry(self) -> tuple[Node, Node]:
        token = self.token
        at = token.at
        implied: Node
        match token.kind:
            case "name" | "keyword":
                self.advance()
                key: Node = syntax.Literal(at, token.text)
                implied = syntax.Index(at, syntax.Identity(at), key)
            case "binding" if token.text == "__loc__":
                self.advance()
                return syntax.Literal(at, "__loc__"), syntax.Location(at, self.source.count("\n", 0, at) + 1)
            case "binding":
                self.advance()
                key = implied = syntax.Variable(at, token.text)
                if self.token.kind != ":":
                    key = syntax.Literal(at, token.text)
            case "quote" | "format":
                if token.kind == "format":
                    self.advance()
                    if self.token.kind != "quote":
                        raise self.unexpected()
                key = self.parse_string(token.text if token.kind == "format" else None)
                implied = syntax.Index(at, syntax.Identity(at), key)
            case "(":
                key = self.parse_key()
                if self.token.kind != ":":
                    raise self.unexpected("expecting ':'")
                implied = key
            case "number" | "-" | "[" | "{":
                raise self.error("May need parentheses around object key expression", at)
            case _:
                raise self.unexpected()
        if self.token.kind != ":":
            return key, implied
        self.advance()
        return key, self.parse_query(comma=False)

    def parse_key(self) -> Node:
        self.advance()
        key = self.parse_query()
        self.expect(")")
        if isinstance(key, syntax.Literal) and not isinstance(key.value, str):
            raise self.error(f"Cannot use {describe(key.value)} as object key", key.at)
        return key

    def parse_patterns(self) -> tuple[Pattern, ...]:
        patterns = [self.parse_pattern()]
        while self.token.kind == "?//":
            self.advance()
            patterns.append(self.parse_pattern())
        return tuple(patterns)

    def parse_pattern(self) -> Pattern:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.error("The pattern is nested too deeply", self.token.at)
        pattern: Pattern
        kind = self.token.kind
        match kind:
            case "binding":
                pattern = syntax.PatternVariable(self.advance().text)
            case "[":
                self.advance()
                items = [self.parse_pattern()]
                while self.token.kind == ",":
                    self.advance()
                    items.append(self.parse_pattern())
                self.expect("]")
                pattern = syntax.PatternArray(tuple(items))
            case "{":
                self.advance()
                entries = [self.parse_pattern_entry()]
                while self.token.kind == ",":
                    self.advance()
                    entries.append(self.parse_pattern_entry())
                self.expect("}")
                pattern = syntax.PatternObject(tuple(entries))
            case _:
                raise self.unexpected("expecting BINDING or '[' or '{'")
        self.nesting -= 1
        return pattern

    def parse_pattern_entry(self) -> syntax.PatternEntry:
        token = self.token
        match token.kind:
            case "binding":
                self.advance()
                key: Node = syntax.Literal(token.at, token.text)
                if self.token.kind != ":":
                    return syntax.PatternEntry(key, token.text, None)
                self.advance()
                return syntax.PatternEntry(key, token.text, self.parse_pattern())
            case "name" | "keyword":
                self.advance()
                key = syntax.Literal(token.at, token.text)
            case "quote":
                key = self.parse_string(None)
            case "(":
                key = self.parse_key()
            case _:
                raise self.unexpected()
        self.expect(":")
        return syntax.PatternEntry(key, None, self.parse_pattern())


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
