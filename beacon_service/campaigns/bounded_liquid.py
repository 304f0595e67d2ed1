"""Liquid with a bound on everything: what a template may call, how often, and how much it may write.

Left out is what reads other templates, keeps a state, or looks at the clock: a text must come out the same in a
replay. What goes in and out of a filter is cut to size, since filters after one another multiply.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from liquid import Environment, RenderContext
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import FilterArgumentError, ResourceLimitError, UndefinedError
from liquid.stringify import to_liquid_string
from liquid.template import BoundTemplate
from liquid.undefined import UNDEFINED, Undefined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TextIO

# One value: a name, a product; who has a text of a page keeps it elsewhere.
LONGEST_VALUE = 200
# What a filter is handed; `replace` may make of it 1000 times 200 characters, and that is cut again.
LONGEST_INPUT = 1000
# Loops go over attributes such as a list of favourites; an offer that names more is not read.
MOST_TURNS = 100
# Calls of filters in one text, and values read, a condition's included. Customers are locked meanwhile: the worst text
# that we could think of takes 60 ms, a usual one 0.06. Without loops no text of 2048 characters gets as far ("|strip").
MOST_FILTERS = 350
MOST_READS = 1000
# More than a body without loops can write: its outputs times LONGEST_VALUE, at four bytes a character.
MOST_BYTES = 300_000

# Stands for the code until it is known. A noncharacter of Unicode: no text has a use for it.
CODE_MARK = "\ufdd0"

# What is left out of Liquid reads other templates or keeps a state.
TAGS = (
    "content",
    "illegal",
    "if",
    "unless",
    "case",
    "for",
    "break",
    "continue",
    "assign",
    "capture",
    "comment",
    "#",
)
# These take whatever they are given; the others may refuse it.
SAFE_FILTERS = (
    "append",
    "capitalize",
    "downcase",
    "lstrip",
    "prepend",
    "remove",
    "remove_first",
    "replace",
    "replace_first",
    "rstrip",
    "strip",
    "strip_newlines",
    "truncate",
    "truncatewords",
    "upcase",
)
OTHER_FILTERS = (
    "abs",
    "at_least",
    "at_most",
    "ceil",
    "compact",
    "divided_by",
    "first",
    "floor",
    "join",
    "last",
    "minus",
    "modulo",
    "plus",
    "reverse",
    "round",
    "size",
    "slice",
    "sort",
    "split",
    "times",
    "uniq",
)
# Beyond this a price is a mistake; products of products would fill the memory.
LARGEST_NUMBER = 10**15

DATE_PARTS: Mapping[str, Callable[[datetime], str]] = {
    "%Y": lambda at: f"{at.year:04}",
    "%y": lambda at: f"{at.year % 100:02}",
    "%m": lambda at: f"{at.month:02}",
    "%-m": lambda at: f"{at.month}",
    "%d": lambda at: f"{at.day:02}",
    "%-d": lambda at: f"{at.day}",
    "%H": lambda at: f"{at.hour:02}",
    "%-H": lambda at: f"{at.hour}",
    "%I": lambda at: f"{(at.hour - 1) % 12 + 1:02}",
    "%-I": lambda at: f"{(at.hour - 1) % 12 + 1}",
    "%M": lambda at: f"{at.minute:02}",
    "%p": lambda at: "AM" if at.hour < 12 else "PM",
    "%%": lambda _: "%",
}
# Encoded they would be a line's end again at whoever decodes them.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
DATE_PART = re.compile(r"%-?.")


class _Missing(Undefined):
    """A value that is not there: false in a condition, replaced by `default`, and an error where it is written."""

    force_liquid_default = True

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        raise UndefinedError(f"{self.name} is missing", token=self.token)

    def __iter__(self) -> Iterator[Any]:
        raise UndefinedError(f"{self.name} is missing", token=self.token)

    __hash__ = Undefined.__hash__


class _Context(RenderContext):
    """Counts what a rendering asks for."""

    __slots__ = ("filters_left", "reads_left", "turns_left")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters_left = MOST_FILTERS
        self.reads_left = MOST_READS
        self.turns_left = MOST_TURNS

    def get(self, path: list[object], *, token: Any, default: object = UNDEFINED) -> object:
        """An attribute that is null is as good as none."""
        self.reads_left -= 1
        if self.reads_left < 0:
            raise ResourceLimitError("too many values", token=token)
        found = super().get(path, token=token, default=default)
        return _Missing(str(path[-1]), token=token) if found is None else found

    def filter(self, name: str, token: Any) -> Callable[..., object]:
        self.filters_left -= 1
        if self.filters_left < 0:
            raise ResourceLimitError("too many filters", token=token)
        return super().filter(name, token)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """All loops together: one after the other they would add up as those within each other do."""
        for loop in self.loops:
            length *= loop.length
        self.turns_left -= length
        if self.turns_left < 0:
            raise ResourceLimitError("too many turns of a loop", token=None)


class _Bound(BoundTemplate):
    context_class = _Context


class _TextNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(_written(self.expression.evaluate(context)))


class TextOutput(Output):
    node_class = _TextNode


class _LinkNode(OutputNode):
    """A value in a link is a value: it can end no path and begin no parameter."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        text = _CONTROL.sub("", _written(self.expression.evaluate(context)))
        return buffer.write(text if text == CODE_MARK else quote(text, safe=""))


class LinkOutput(Output):
    node_class = _LinkNode


def _written(value: object) -> str:
    text = to_liquid_string(value, autoescape=False)
    return text if text == CODE_MARK else text.replace(CODE_MARK, "")[:LONGEST_VALUE]


def _bounded(apply: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, with what goes in and what comes out cut to size."""

    @wraps(apply)
    def bounded(value: object, *args: object, **kwargs: object) -> Any:
        if isinstance(value, Undefined):
            str(value)  # raises: only `default` takes what is not there
        given = [_cut(one, LONGEST_VALUE) for one in args]
        named = {name: _cut(one, LONGEST_VALUE) for name, one in kwargs.items()}
        result = _cut(apply(_cut(value, LONGEST_INPUT), *given, **named), LONGEST_INPUT)
        if isinstance(result, int | float) and not abs(result) <= LARGEST_NUMBER:
            raise FilterArgumentError("the number is too large", token=None)
        return result

    return bounded


def _cut(value: Any, length: int) -> Any:
    if isinstance(value, Undefined):
        str(value)
    return value[:length] if isinstance(value, str | list | tuple) else value


def _date(value: object, layout: object) -> str:
    """`date: "%d.%m., %H:%M"` of an ISO 8601 text; on the site's clock where the moment or the offer says it."""
    if not isinstance(value, str) or not isinstance(layout, str):
        raise FilterArgumentError("date takes an ISO 8601 time and a layout", token=None)
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise FilterArgumentError("is not an ISO 8601 time", token=None) from None
    return DATE_PART.sub(lambda part: DATE_PARTS[part[0]](at), layout)


class _Environment(Environment):
    template_class = _Bound
    output_stream_limit = MOST_BYTES
    local_namespace_limit = MOST_BYTES
    block_nesting_limit = 10


def environment(output: type[Output]) -> Environment:
    made = _Environment(undefined=_Missing)
    made.tags = {name: tag for name, tag in made.tags.items() if name in TAGS}
    made.add_tag(output)
    known = made.filters
    made.filters = {name: _bounded(known[name]) for name in (*SAFE_FILTERS, *OTHER_FILTERS)}
    made.filters |= {"default": known["default"], "date": _bounded(_date)}
    return made


TEXT = environment(TextOutput)
LINK = environment(LinkOutput)
