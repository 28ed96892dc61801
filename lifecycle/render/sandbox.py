"""The Jinja that templates run in: sandboxed, immutable, strict, bounded in time and size.

Loops and calls draw on a budget of one mail; joining, repeating and powers are capped; only the filters and methods
named here exist. A value that is missing may be tested and given a default, but not printed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn, cast

import markupsafe
from jinja2 import StrictUndefined, Template, nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.filters import FILTERS
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.utils import Namespace
from markupsafe import Markup, escape

#: rounds of all loops of one mail together; ten thousand cart lines pass, nested ones do not
MAX_STEPS = 50_000
#: characters that an expression may join or repeat together
MAX_TEXT = 100_000
#: bytes that one part of a mail may come to
MAX_OUTPUT = 4_000_000

_FILTERS = (
    "abs", "batch", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "int", "items",
    "join", "last", "length", "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round",
    "select", "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "trim", "truncate", "unique",
    "upper", "urlencode", "wordcount",
)  # fmt: skip
_TESTS = (
    "boolean", "defined", "divisibleby", "eq", "equalto", "even", "ge", "gt", "in", "iterable", "le", "lower", "lt",
    "mapping", "ne", "none", "number", "odd", "sequence", "string", "undefined", "upper",
    "==", "!=", ">", ">=", "<", "<=",
)  # fmt: skip
_CAPPED = ("join", "replace", "batch", "slice")
#: filters that depend on the recipient's time zone, or on the moment
_PERSONAL = frozenset({"date", "time", "countdown"})
#: names of which it is sure without looking further that only a recipient has them
_NEVER_KNOWN = frozenset(
    {
        "contact", "account", "event", "cart", "order", "coupon", "points", "referral", "campaign", "now", "data",
        "views", "recommendations", "segments",
    }
)  # fmt: skip
_METHODS: dict[type, frozenset[str]] = {
    str: frozenset({"lower", "upper", "strip", "startswith", "endswith", "split", "title", "capitalize"}),
    datetime: frozenset({"year", "month", "day", "hour", "minute", "weekday", "date", "isoformat"}),
    date: frozenset({"year", "month", "day", "weekday", "isoformat"}),
}
_NUMBERS = frozenset({int, Decimal})
_LARGE = 10**15
#: the commonest expression by far: a text of the catalog, without arguments
_PLAIN_TEXT = re.compile(r"""t\(\s*(['"])([^'"\\]*)\1\s*\)""")
#: text to text: making Markup of each value, as `escape` does, takes ten times as long as the escaping
_escaped = cast("Callable[[str], str]", getattr(markupsafe, "_escape_inner", lambda text: str(escape(text))))
_LOOP = frozenset(
    {
        "index",
        "index0",
        "revindex",
        "revindex0",
        "first",
        "last",
        "length",
        "cycle",
        "depth",
        "depth0",
        "previtem",
        "nextitem",
        "changed",
    }
)


class Absent(StrictUndefined):
    """What a contact or event does not have: false, equal to nothing, and an error once it is printed."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override] # StrictUndefined raises here, and we mean not to
        return False

    def __eq__(self, other: object) -> bool:  # type: ignore[override] # see __bool__
        return isinstance(other, Undefined)

    def __ne__(self, other: object) -> bool:  # type: ignore[override] # see __bool__
        return not self == other

    __hash__ = object.__hash__  # type: ignore[assignment] # see __bool__


def shown(value: Any) -> str:
    """Return a value as HTML shows it: text escaped, markup as it is."""
    kind = type(value)
    if kind is str:
        return _escaped(value)
    return value if kind is Markup else str(escape(value))


class Budget:
    """How much work is left for one mail."""

    __slots__ = ("left",)

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Take steps. Raises SecurityError when there are none left."""
        self.left -= steps
        if self.left < 0:
            raise SecurityError(f"loops and calls take more than {MAX_STEPS} steps")


class _Generator(CodeGenerator):
    """Writes Jinja's code, but for the call that escapes: what is printed need not become Markup first."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile or not frame.eval_ctx.autoescape or finalize.src is not None:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("environment.shown(")


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of one locale; `html` escapes, else it makes plain text.

    `texts` is what `t('key', …)` calls; `_link(n, target)` goes to the mail's own register.
    """

    code_generator_class = _Generator
    shown = staticmethod(shown)

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, *, html: bool, filters: Mapping[str, Callable[..., Any]], t: Callable[..., str]) -> None:
        super().__init__(autoescape=html, undefined=Absent, keep_trailing_newline=True, cache_size=0)
        self.filters = {name: FILTERS[name] for name in _FILTERS}
        self.filters |= {name: _capped(FILTERS[name]) for name in _CAPPED}
        self.filters |= filters
        self.filters |= {"_loop": _counted, "_concat": _concat, "_t": t, "_link": _linked, "_survey_url": _survey_url}
        self._expressions: dict[str, tuple[frozenset[str], Callable[..., Any] | None]] = {}
        self.tests = {name: TESTS[name] for name in _TESTS}
        self.globals = {"range": self.globals["range"], "namespace": Namespace, "dict": dict}

    def build(self, source: str, name: str, variables: Mapping[str, Any]) -> Template:
        """Compile a template whose loops and joins draw on the budget. Raises TemplateSyntaxError."""
        tree = self.parse(source, name)
        _bound(tree)
        code = self.compile(tree, name, name)
        return Template.from_code(self, code, self.make_globals(dict(variables)))

    def expression(self, text: str) -> tuple[frozenset[str], Callable[..., Any] | None]:
        """Return the names that an expression reads, and a function of them; None when it cannot be known beforehand.

        Expressions come back in every template that includes a partial, and compiling one takes a millisecond.
        """
        if text not in self._expressions:
            self._expressions[text] = self._read(text)
        return self._expressions[text]

    def _read(self, text: str) -> tuple[frozenset[str], Callable[..., Any] | None]:
        plain = _PLAIN_TEXT.fullmatch(text)
        if plain is not None:
            key = plain[2]
            return frozenset({"t"}), lambda **values: values["t"](key)
        try:
            tree = self.parse("{{" + text + "}}")
            names = frozenset(name.name for name in tree.find_all(nodes.Name))
            if any(item.name in _PERSONAL for item in tree.find_all(nodes.Filter)) or names & _NEVER_KNOWN:
                return names, None
            return names, self.compile_expression(text, undefined_to_none=True)
        except TemplateSyntaxError:
            return frozenset(), None

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return obj.attribute; of a map the key, never a method; null is absent."""
        # the first is what almost all are, and ten times faster to tell
        is_map = type(obj) is dict or isinstance(obj, Mapping)
        if not is_map and isinstance(obj, Absent):
            return obj  # nothing is below what is not there: a test of it is false, an error names the upper one
        found = obj.get(attribute) if is_map else super().getattr(obj, attribute)
        return self._absent(obj, attribute) if found is None else found

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return obj[argument]; null is absent."""
        if isinstance(obj, Mapping):
            found = obj.get(argument) if isinstance(argument, str | int) else None
        elif isinstance(obj, Absent):
            return obj
        else:
            found = super().getitem(obj, argument)
        return self._absent(obj, argument) if found is None else found

    def _absent(self, obj: Any, name: Any) -> Undefined:
        return self.undefined(f"it has no {str(name)!r}", obj=obj, name=str(name))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002 - jinja's signature
        """Allow what is listed, nothing else."""
        if isinstance(obj, LoopContext):
            return attr in _LOOP
        if isinstance(obj, Namespace):
            return not attr.startswith("_")
        return any(isinstance(obj, kind) and attr in names for kind, names in _METHODS.items())

    def wrap_str_format(self, value: Any) -> None:  # noqa: ARG002 - jinja's signature
        """Refuse str.format, which jinja lets through: a width in a format string is as large as one likes."""
        return

    def call(self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: PYI063 - jinja's
        """Call what a template calls; each call is a step."""
        budget = __context.parent.get("_budget")
        if budget is not None:
            budget.spend()
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute left operator right, unless the result would be huge."""
        if (
            type(left) in _NUMBERS
            and type(right) in _NUMBERS
            and operator != "**"
            and -_LARGE < left < _LARGE
            and -_LARGE < right < _LARGE
        ):
            return self.binop_table[operator](left, right)
        texts = isinstance(left, str | list | tuple) or isinstance(right, str | list | tuple)
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise SecurityError(f'a template has no "{operator}" for this')
        if operator == "+" and texts and _size(left) + _size(right) > MAX_TEXT:
            raise SecurityError(f"the text is longer than {MAX_TEXT} characters")
        if operator == "*" and (texts or max(_magnitude(left), _magnitude(right)) > _LARGE):
            raise SecurityError("a template multiplies numbers only")
        return super().call_binop(context, operator, left, right)


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 20


def _magnitude(value: Any) -> float:
    return abs(float(value)) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else 0.0


def _bound(tree: nodes.Template) -> None:
    """Send each loop and each join of the tree through the filters that count."""
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, "_loop", [], [], None, None, lineno=loop.lineno)
    _replace(tree)


def _replace(node: nodes.Node) -> None:
    for name, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            setattr(node, name, _replaced(value))
        elif isinstance(value, list):
            setattr(node, name, [_replaced(item) for item in value])
    for child in node.iter_child_nodes():
        _replace(child)


def _replaced(node: Any) -> Any:
    """Return joins as the filter that counts, and calls of our own functions as filters: those skip the sandbox."""
    if isinstance(node, nodes.Concat):
        return nodes.Filter(
            nodes.List(node.nodes, lineno=node.lineno), "_concat", [], [], None, None, lineno=node.lineno
        )
    ours = isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in _OURS
    if ours and node.args and node.dyn_args is None and node.dyn_kwargs is None:
        name = _OURS[node.node.name]
        return nodes.Filter(node.args[0], name, node.args[1:], node.kwargs, None, None, lineno=node.lineno)
    return node


#: our own functions, and the filters that they are called as
_OURS = {"t": "_t", "_link": "_link", "survey_url": "_survey_url"}


@pass_context
def _survey_url(context: Context, score: object) -> str:
    return str(context.parent["survey_url"](score))


@pass_context
def _linked(context: Context, number: int, target: Any) -> str:
    return str(context.parent["_link"](number, target))


@pass_context
def _counted(context: Context, items: Iterable[Any]) -> Iterable[Any]:
    if isinstance(items, Undefined):
        return ()  # a cart that is not there has no lines
    if not isinstance(items, Iterable):
        raise SecurityError("a loop needs a list")
    budget: Budget = context.parent.get("_budget") or Budget()
    if isinstance(items, list | tuple | range):
        budget.spend(len(items))
        return items
    return list(_spending(items, budget))


def _spending(items: Iterable[Any], budget: Budget) -> Iterator[Any]:
    for item in items:
        budget.spend()
        yield item


def _concat(items: list[Any]) -> str:
    texts = [item if isinstance(item, str) else str(item) for item in items]
    joined = "".join(texts)
    if len(joined) > MAX_TEXT:
        raise SecurityError(f"the text is longer than {MAX_TEXT} characters")
    for text in texts:
        if type(text) is not str and isinstance(text, Markup):
            return Markup("").join(texts)
    return joined


def _capped(wrapped: Callable[..., Any]) -> Callable[..., Any]:
    """Return the filter with its arguments and result capped."""

    def capped(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            if isinstance(value, int) and value > MAX_TEXT:
                _too_long()
        if wrapped is FILTERS["replace"]:
            subject = [item for item in args if not isinstance(item, EvalContext)]
            if len(subject) == 3 and len(str(subject[0])) * max(len(str(subject[2])), 1) > 100 * MAX_TEXT:
                _too_long()
        result = wrapped(*args, **kwargs)
        if isinstance(result, str) and len(result) > MAX_TEXT:
            _too_long()
        return result

    for mark in ("jinja_pass_arg",):
        if hasattr(wrapped, mark):
            setattr(capped, mark, getattr(wrapped, mark))
    return capped


def _too_long() -> NoReturn:
    raise SecurityError(f"the text is longer than {MAX_TEXT} characters")
