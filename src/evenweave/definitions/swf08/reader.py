"""What the shapes share while one definition is read: the findings, the variables in scope, the resources at hand."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from evenweave import jq
from evenweave.definitions.language import compile_expression, find_obstacle
from evenweave.definitions.swf08.expression import (
    PREDEFINED,
    Embedded,
    Expression,
    Literal,
    Text,
    Value,
    find,
    is_whole,
)
from evenweave.definitions.swf08.rules import Finding
from evenweave.source import Document, closest

Resolve = Callable[[str], Document | None]
"""From a URI as written to its document, or None where there is none."""

_CLASSPATH: Final = "classpath:"
_SECRET: Final = re.compile(r"\$SECRET(?![A-Za-z0-9_])")
_FUEL: Final = 1000


class Reader:
    """One reading of one definition.

    Attributes:
        findings: what is wrong, in the order found.
        unread: names of top-level properties whose content is not known (a missing resource, a wrong type), so that
            references into them cannot be judged.
        resources: URI as written -> the document behind it.
        evaluated: names of the expression functions that expressions name.
        programs: name of an expression function -> its program.
        wild: whether the definition is read as SonataFlow would (the profile `sonataflow`).
    """

    def __init__(self, document: Document, resolve: Resolve | None, *, wild: bool = False) -> None:
        """Begin to read a definition."""
        written = document.value if isinstance(document.value, dict) else {}
        self.wild = wild
        self._document = document
        self.findings: list[Finding] = []
        self.unread: set[str] = set()
        self.resources: dict[str, Document] = {}
        self._resolve = resolve
        self._variables: tuple[str, ...] = PREDEFINED
        self._compiled: dict[tuple[str, tuple[str, ...]], jq.JqSyntaxError | None] = {}
        language = written.get("expressionLang", "jq")
        # What cannot be compiled here is one finding for the whole definition (SW307), not one for each expression.
        self._language = language if isinstance(language, str) and find_obstacle(language) is None else ""
        self.evaluated: set[str] = set()
        self.programs: Mapping[str, Expression] = {}
        self.programs = self._expression_functions(written)

    def report(self, code: str, ref: str, message: str, hint: str = "", *, key: bool = False) -> None:
        """Note a mistake."""
        self.findings.append(Finding(code, ref, message, hint, key))

    @contextmanager
    def binding(self, name: Any) -> Iterator[None]:
        """Let expressions use a variable besides the others, if its name can be one."""
        outer = self._variables
        if isinstance(name, str) and name.isascii() and name.isidentifier() and name not in outer:
            self._variables = (*outer, name)
        try:
            yield
        finally:
            self._variables = outer

    def find(self, uri: str) -> Document | None:
        """Find the document behind a URI."""
        return self._resolve(uri) if self._resolve else None

    def resource(self, name: str, uri: str, ref: str) -> tuple[Any, str] | None:
        """Find the content of a property that another document holds.

        Args:
            name: the property, such as `events`.
            uri: where it is.
            ref: where the URI stands.

        Returns:
            The content and its reference, or None; then it is reported.
        """
        document = self.find(uri)
        if document is None:
            self.report("SW108", ref, f"the {name} in {uri!r} are not there", "give the file too, or write them here")
            return None
        self.resources[uri] = document
        content = document.value
        if isinstance(content, dict) and name in content:
            return content[name], f"{uri}#/{name}"
        if name in {"constants", "secrets"}:
            return content, f"{uri}#"
        self.report("SW108", ref, f"{uri!r} has no {name}", f'its top level needs the property "{name}"')
        return None

    def place(self, ref: str) -> tuple[Document, str]:
        """Return the document that a reference leads into, and the pointer within it."""
        if ref and not ref.startswith("/"):
            uri = next(uri for uri in self.resources if ref.startswith(f"{uri}#"))
            return self.resources[uri], ref[len(uri) + 1 :]
        return self._document, ref

    def is_empty(self, ref: str) -> bool:
        """Say whether an empty text is written at a reference."""
        document, at = self.place(ref)
        return bool(document.at(at) == "")

    def text_of(self, value: float | bool, ref: str) -> str:
        """Return a number or a truth value as it is written: `1.10` is not `1.1` where it is a version."""
        document, at = self.place(ref)
        span = document.span(at)
        if span.start_line == span.end_line:
            line = document.lines.split(document.text)[span.start_line - 1]
            written = line[span.start_column - 1 : span.end_column - 1]
            if written and " " not in written and written[0] not in "*&!":
                return written
        return json.dumps(value)

    def locate(self, uri: str) -> str:
        """Return where a URI leads; a place on SonataFlow's class path is one below the definition's folder."""
        on_path = self.wild and uri.startswith(_CLASSPATH)
        return f"file://{uri[len(_CLASSPATH) :].lstrip('/')}" if on_path else uri

    def located(self, uri: str, ref: str) -> str:
        """Return where a URI leads, and report one on the class path."""
        place = self.locate(uri)
        if place != uri:
            self.report("SW405", ref, "the class path is the definition's folder here", f"write {place}")
        return place

    def bare(self, text: str, ref: str) -> Value:
        """Read a string of a value as SonataFlow does: what is an expression is one, with or without its `${ }`."""
        program = text.strip()
        if "${" in text or not self.is_meant(program):
            return self.text(text, ref)
        self.report("SW404", ref, "read as an expression, without ${ }", f"write ${{ {program} }}")
        return self._program(program, ref, len(text) - len(text.lstrip()))

    def is_meant(self, program: str) -> bool:
        """Say whether SonataFlow would take a text for an expression: it compiles, and a lone name can be called."""
        if not self.wild or self._language != "jq":
            return False
        if not program or self._compile(program) is not None:
            return bool(program) and self._mended(program) is not None
        if not program.isidentifier():
            return True
        try:
            compile_expression(self._language, program).first({}, jq.Budget(_FUEL, now=0.0))
        except jq.JqError:
            return False
        return True

    def _mended(self, program: str) -> str | None:
        """Return a program with SonataFlow's name of the secrets replaced by the specification's, where that helps."""
        mended = _SECRET.sub("$SECRETS", program) if self.wild else program
        return mended if mended != program and self._compile(mended) is None else None

    def expression(self, text: str, ref: str) -> Expression:
        """Read a string that is an expression, with or without its `${ }`."""
        found = find(text)
        if is_whole(text, found):
            return self._program(found[0].program, ref, found[0].offset)
        if found:
            self._misplaced(text, found, ref)
            return Expression(ref=ref, text=".", variables=self._variables)
        return self._program(text.strip(), ref, len(text) - len(text.lstrip()))

    def text(self, text: str, ref: str) -> Value:
        """Read a string in which `${ }` may stand between other text."""
        found = find(text)
        if is_whole(text, found):
            return self._program(found[0].program, ref, found[0].offset)
        if not found or not found[-1].closed:
            if found:
                self._misplaced(text, found, ref)
            return Literal(ref=ref, value=text)
        parts: list[str | Expression] = []
        position = 0
        for embedded in found:
            parts += [text[position : embedded.start]] if embedded.start > position else []
            parts.append(self._program(embedded.program, ref, embedded.offset))
            position = embedded.end
        parts += [text[position:]] if position < len(text) else []
        return Text(ref=ref, parts=tuple(parts))

    def _misplaced(self, text: str, found: tuple[Embedded, ...], ref: str) -> None:
        """Report `${ }` that is not closed, or text around it where an expression is due."""
        last = found[-1]
        if last.closed:
            self.report(
                "SW308", ref, "text around ${ } where one expression is due", "put the whole of it into one ${ }"
            )
        else:
            hint = 'add "}"; braces and quotes in the expression must be closed too'
            self.findings.append(
                Finding("SW308", ref, "${ is not closed", hint, False, last.start, last.end - last.start)
            )

    def _program(self, program: str, ref: str, offset: int) -> Expression:
        """Check a program, mending its quotes where that helps."""
        if program.startswith("fn:"):
            return self._function(program[3:].strip(), ref, offset)
        text = self._check(program, ref, offset)
        return Expression(ref=ref, text=text, offset=offset, variables=self._variables)

    def _check(self, program: str, ref: str, offset: int) -> str:
        """Compile a program; report what is wrong with it; return what is to be run."""
        if not self._language:
            return program
        error = self._compile(program)
        if error is None:
            return program
        if (mended := self._mended(program)) is not None:
            at = program.index("$SECRET")
            message, length = "$SECRET is read as $SECRETS", len("$SECRET")
            self.findings.append(Finding("SW406", ref, message, "write $SECRETS", False, offset + at, length))
            return mended
        mended = jq.read_quotes(program, variables=self._variables) if self._language == "jq" else None
        if mended is not None:
            at = next(index for index, pair in enumerate(zip(program, mended, strict=False)) if pair[0] != pair[1])
            end = program.index("'", at + 1) + 1
            single = program.count("'") == 2
            hint = f"write {mended[at : end + len(mended) - len(program)] if single else mended}"
            message = "single quotes are no jq; read as double quotes"
            self.findings.append(Finding("SW302", ref, message, hint, False, offset + at, end - at))
            return mended
        self.findings.append(
            Finding("SW301", ref, f"the expression does not compile: {error.message}", "", False, offset + error.offset)
        )
        return program

    def _compile(self, program: str) -> jq.JqSyntaxError | None:
        """Compile a program; the error, if it is one."""
        key = (program, self._variables)
        if key not in self._compiled:
            try:
                compile_expression(self._language, program, self._variables)
            except jq.JqSyntaxError as error:
                self._compiled[key] = error
            else:
                self._compiled[key] = None
        return self._compiled[key]

    def _function(self, name: str, ref: str, offset: int) -> Expression:
        """Put the program of an expression function in the place of `${ fn:name }`."""
        self.evaluated.add(name)
        function = self.programs.get(name)
        if function is None and "functions" not in self.unread:
            guess = closest(name, self.programs)
            self.report(
                "SW306",
                ref,
                f'there is no function "{name}" of the type expression',
                f'did you mean "{guess}"?' if guess else "define it under functions",
            )
        text = function.text if function else "."
        return Expression(ref=ref, text=text, offset=offset, function=name, variables=self._variables)

    def _expression_functions(self, written: Mapping[str, Any]) -> dict[str, Expression]:
        """Read the programs of the expression functions, before anything that may name them."""
        functions, ref = written.get("functions"), "/functions"
        if isinstance(functions, str):
            functions = self.locate(functions)
            ref = f"{functions}#{ref}"
            document = self._resolve(functions) if self._resolve else None
            functions = document.value.get("functions") if document and isinstance(document.value, dict) else None
        if not isinstance(functions, list):
            return {}
        programs: dict[str, Expression] = {}
        for index, function in enumerate(functions):
            if isinstance(function, dict) and function.get("type") == "expression":
                name, operation = function.get("name"), function.get("operation")
                if isinstance(name, str) and isinstance(operation, str) and name not in programs:
                    programs[name] = self.expression(operation, f"{ref}/{index}/operation")
        return programs
