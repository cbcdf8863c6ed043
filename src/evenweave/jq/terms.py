"""The terms of an expression: literals, variables, strings, objects, calls, and what begins with a keyword."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from evenweave.jq import syntax
from evenweave.jq.text import describe, read_number
from evenweave.jq.tokens import MAX_NESTING, Tokens

if TYPE_CHECKING:
    from evenweave.jq.syntax import Node, Pattern

_REFUSED: Final = frozenset(("import", "include", "module"))


class Terms(Tokens, ABC):
    """Parses terms; what stands inside their brackets, and behind them, is up to the parser of whole expressions."""

    __slots__ = ()

    @abstractmethod
    def parse_query(self, *, allow_empty: bool = False, comma: bool = True) -> Node:
        """A whole expression, up to what ends it."""

    @abstractmethod
    def parse_expression(self, power: int) -> Node:
        """Terms and the operators between them that bind at least so tightly."""

    def parse_term(self) -> Node:
        """What operators stand between, without what stands behind it."""
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
                return self._parse_object()
            case "name":
                return self._parse_call()
            case "keyword":
                return self._parse_keyword()
            case _:
                raise self.unexpected()

    def _parse_keyword(self) -> Node:
        at = self.token.at
        match self.token.text:
            case "if":
                return self._parse_if()
            case "reduce":
                source, patterns = self._parse_fold_head()
                start = self.parse_query()
                self.expect(";")
                update = self.parse_query()
                self.expect(")")
                return syntax.Reduce(at, source, patterns, start, update)
            case "foreach":
                source, patterns = self._parse_fold_head()
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

    def _parse_fold_head(self) -> tuple[Node, tuple[Pattern, ...]]:
        self.advance()
        source = self.parse_expression(1)
        self.expect_keyword("as")
        patterns = self.parse_patterns()
        self.expect("(")
        return source, patterns

    def _parse_if(self) -> Node:
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

    def _parse_call(self) -> Node:
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
        """A string, and what is interpolated; ``name`` is the format that it is written by."""
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

    def _parse_object(self) -> Node:
        at = self.advance().at
        entries: list[tuple[Node, Node]] = []
        while self.token.kind != "}":
            entries.append(self._parse_entry())
            if self.token.kind != ",":
                break
            self.advance()
            if self.token.kind == "}":
                raise self.unexpected()
        self.expect("}")
        return syntax.Object(at, tuple(entries))

    def _parse_entry(self) -> tuple[Node, Node]:
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
                key = self._parse_key()
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

    def _parse_key(self) -> Node:
        self.advance()
        key = self.parse_query()
        self.expect(")")
        if isinstance(key, syntax.Literal) and not isinstance(key.value, str):
            raise self.error(f"Cannot use {describe(key.value)} as object key", key.at)
        return key

    def parse_patterns(self) -> tuple[Pattern, ...]:
        """What a binding takes a value apart by."""
        patterns = [self._parse_pattern()]
        while self.token.kind == "?//":
            self.advance()
            patterns.append(self._parse_pattern())
        return tuple(patterns)

    def _parse_pattern(self) -> Pattern:
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
                items = [self._parse_pattern()]
                while self.token.kind == ",":
                    self.advance()
                    items.append(self._parse_pattern())
                self.expect("]")
                pattern = syntax.PatternArray(tuple(items))
            case "{":
                self.advance()
                entries = [self._parse_pattern_entry()]
                while self.token.kind == ",":
                    self.advance()
                    entries.append(self._parse_pattern_entry())
                self.expect("}")
                pattern = syntax.PatternObject(tuple(entries))
            case _:
                raise self.unexpected("expecting BINDING or '[' or '{'")
        self.nesting -= 1
        return pattern

    def _parse_pattern_entry(self) -> syntax.PatternEntry:
        token = self.token
        match token.kind:
            case "binding":
                self.advance()
                key: Node = syntax.Literal(token.at, token.text)
                if self.token.kind != ":":
                    return syntax.PatternEntry(key, token.text, None)
                self.advance()
                return syntax.PatternEntry(key, token.text, self._parse_pattern())
            case "name" | "keyword":
                self.advance()
                key = syntax.Literal(token.at, token.text)
            case "quote":
                key = self.parse_string(None)
            case "(":
                key = self._parse_key()
            case _:
                raise self.unexpected()
        self.expect(":")
        return syntax.PatternEntry(key, None, self._parse_pattern())
