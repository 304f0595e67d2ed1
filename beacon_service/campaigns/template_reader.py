"""Reads a parsed template before it is ever rendered: what it cannot name is refused, what may be missing is told.

The rule behind `doubts`: a value that is always there, written out as it is or through filters that take anything,
cannot fail; everything else may.
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING

from liquid import RenderContext
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.arguments import KeywordArgument, PositionalArgument
from liquid.builtin.expressions.logical import (
    ContainsExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LtExpression,
)
from liquid.builtin.expressions.primitive import Literal as Constant
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.for_tag import ForNode

from beacon_service.campaigns.bounded_liquid import DATE_PART, DATE_PARTS, OTHER_FILTERS, SAFE_FILTERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from liquid import Environment
    from liquid.ast import Node
    from liquid.builtin.expressions.filtered import Filter
    from liquid.expression import Expression
    from liquid.template import BoundTemplate

# Always there, in every moment.
DEFINED = {
    "customer": ("id",),
    "site": ("id", "name"),
    "zone": ("id", "name", "tags"),
    "moment": ("move", "dwell_s", "visit", "at", "date", "time", "hour", "weekday"),
    "offer": ("id", "expires_at", "code"),
}
# Of an offer that is about products: the first of them, and of each of `products`. It is offered only where all of
# them are known to be in stock, so that there is always a count.
PRODUCT = ("id", "name", "tags", "stock")
PRODUCT_POSSIBLE = ("price", "currency")
# But for these, in a moment that no move made.
PLACES = ("site", "zone")
# What may be there: attributes are the brand's, and every customer has others.
POSSIBLE = {"customer": ("attributes",)}
INSTANTS = {("moment", "at"), ("offer", "expires_at")}
# Each `and` nests its right side, and rendering goes as deep.
DEEPEST = 30


class TemplateError(Exception):
    """A text is no template that can be taken; its message says why, to whoever wrote it."""


class Reader:
    """Reads a parsed template: what cannot be taken is raised, what may be missing is collected."""

    def __init__(self, env: Environment, template: BoundTemplate) -> None:
        self._env = env
        self._context = RenderContext(template)
        self._own = {"forloop"}
        self.doubts: list[str] = []
        self.place_doubts: list[str] = []  # of moments without a place: an event, an absence
        self.uses_code = False
        self.uses_products = False
        looped: set[str] = set()
        self._name_own(template.nodes, looped)
        # Names that only loops over `products` give: each is a product, and no other value.
        self._of_products = looped - self._own if "products" not in self._own else set()
        self._own |= looped
        taken = self._own & {*DEFINED}
        if taken:
            raise TemplateError(f"gives a value of its own the name {min(taken)}, which is taken")

    def _name_own(self, nodes: Iterable[Node], looped: set[str]) -> None:
        for node in nodes:
            if isinstance(node, ForNode) and _path(node.expression.iterable) == ("products",):
                looped.add(str(node.expression.identifier))
            else:
                self._own.update(str(name) for name in (*node.template_scope(), *node.block_scope()))
            self._name_own(node.children(self._context), looped)

    def read(self, nodes: Iterable[Node], *, kept: bool = False) -> None:
        """`kept`: what they write is captured, to be looked at again."""
        for node in nodes:
            if isinstance(node, ForNode):
                self.doubts.append("a loop may go over more than is read")
            for expression in node.expressions():
                if isinstance(node, OutputNode | AssignNode) and self._is_products(expression):
                    raise TemplateError("writes products, which are several; loop over them")
                if isinstance(node, OutputNode) and not kept and _path(expression) == ("offer", "code"):
                    self.uses_code = True
                elif isinstance(node, AssignNode) and _path(expression):
                    self._read(_plain_part(expression))  # it may be missing, which shows where it is used
                else:
                    self._read(expression)
            self.read(node.children(self._context), kept=kept or isinstance(node, CaptureNode))

    def _read(self, expression: Expression, depth: int = 1) -> None:
        if depth > DEEPEST:
            raise TemplateError(f"has a condition of more than {DEEPEST} parts")
        if isinstance(expression, FilteredExpression):
            self._read_filtered(expression)
        elif isinstance(expression, Path):
            self._check_path(expression)
        elif isinstance(expression, RangeLiteral):
            raise TemplateError("counts through a range of numbers; loops go over lists")
        else:
            if isinstance(expression, _COMPARISONS):
                self.doubts.append("a comparison may meet what it cannot compare")
            for part in expression.children():
                self._read(part, depth + 1)

    def _read_filtered(self, expression: FilteredExpression) -> None:
        filters: list[Filter] = expression.filters or []
        self._read(expression.left)
        for one in filters:
            if one.name not in self._env.filters:
                raise TemplateError(
                    f"uses the filter {one.name}, which there is not; there are: {_FILTER_NAMES}"
                )
            self._check_arguments(one)
        doubt = self._doubt(expression.left)
        path = _path(expression.left)
        if filters and filters[0].name != "size" and self._is_products(expression.left):
            raise TemplateError(f"does {filters[0].name} with products, which are several; loop over them")
        for number, one in enumerate(filters):
            for argument in one.args:
                self._read_argument(argument)
            if one.name == "default":
                doubt = None if number == 0 else doubt  # a filter before it has refused what is missing
            elif one.name == "date":
                _check_layout(one)
                doubt = doubt or (
                    None if number == 0 and path in INSTANTS else "date may be given what is no time"
                )
            elif one.name not in SAFE_FILTERS or (one.name.startswith("truncate") and not _has_length(one)):
                doubt = doubt or f"{one.name} may be given what it does not take"
        if doubt is not None:
            self.doubts.append(doubt)
        elif not filters or filters[0].name != "default":
            self._place(path)

    def _place(self, path: tuple[object, ...]) -> None:
        """Names of a place are there in every moment that has one."""
        if path and path[0] in PLACES:
            self.place_doubts.append(f"{'.'.join(map(str, path))} is missing where nobody is anywhere")

    def _check_arguments(self, one: Filter) -> None:
        apply = self._env.filters[one.name]
        given = [argument for argument in one.args if isinstance(argument, PositionalArgument)]
        named = {argument.name: None for argument in one.args if isinstance(argument, KeywordArgument)}
        if getattr(apply, "with_environment", False):
            named["environment"] = None  # the library's own
        try:
            signature(apply).bind(None, *given, **named)
        except TypeError as error:
            raise TemplateError(
                f"gives the filter {one.name} other arguments than it takes: {error}"
            ) from None

    def _read_argument(self, argument: KeywordArgument | PositionalArgument) -> None:
        self._read(argument.value)
        doubt = self._doubt(argument.value)
        if doubt is not None:
            self.doubts.append(doubt)
        self._place(_path(argument.value))

    def _doubt(self, value: Expression) -> str | None:
        """Why the value may not be there."""
        if isinstance(value, Path):
            named = _path(value)
            known = PRODUCT if self._is_product(named[0]) else DEFINED.get(str(named[0]), ())
            sure = len(named) == 2 and named[1] in known
            return None if sure else f"{value} may be missing"
        return None if isinstance(value, Constant) else "a value may be missing"

    def _is_product(self, root: object) -> bool:
        return root in self._of_products or (root == "product" and root not in self._own)

    def _is_products(self, expression: Expression) -> bool:
        return _path(expression) == ("products",) and "products" not in self._own

    def _check_path(self, path: Path) -> None:
        for inner in path.children():
            self._read(inner)
        root, *rest = path.path
        if root in self._of_products:
            if not rest:
                raise TemplateError(f"names {path}, which cannot be written; say {path}.name")
            _check_product(path, rest[0])
        if root in self._own:
            return
        if root in {"product", "products"}:
            self._check_products(path)
            return
        fields = (*DEFINED.get(str(root), ()), *POSSIBLE.get(str(root), ()))
        if not isinstance(root, str) or not fields:
            raise TemplateError(f"names {path}, which there is not; there are: {_ROOTS}")
        if not rest or rest[0] not in fields:
            raise TemplateError(f"names {path}, which there is not; {root} has: {', '.join(fields)}")
        if (root, rest[0]) == ("offer", "code"):
            raise TemplateError(
                "does something with offer.code; it can only be written out: {{ offer.code }}"
            )

    def _check_products(self, path: Path) -> None:
        """`product.name`, `products`, `products.size`, `products[0].name`."""
        self.uses_products = True
        root, *rest = path.path
        if root == "products":
            if not rest or rest == ["size"]:
                return
            rest = rest[1:]
        if not rest:
            raise TemplateError(f"names {path}, which cannot be written; say {path}.name")
        _check_product(path, rest[0])


def _check_product(path: Path, field: object) -> None:
    known = (*PRODUCT, *PRODUCT_POSSIBLE)
    if field not in known:
        raise TemplateError(f"names {path}, which there is not; a product has: {', '.join(known)}")


_ROOTS = ", ".join((*DEFINED, "product", "products"))
_COMPARISONS = (ContainsExpression, GeExpression, GtExpression, LeExpression, LtExpression)
_LAYOUT_PARTS = " ".join(DATE_PARTS)
_FILTER_NAMES = ", ".join(sorted({*SAFE_FILTERS, *OTHER_FILTERS, "date", "default"}))


def _path(expression: Expression) -> tuple[object, ...]:
    """("offer", "code") for {{ offer.code }}, and nothing for what is more than a path."""
    alone = _plain_part(expression)
    return tuple(alone.path) if isinstance(alone, Path) else ()


def _plain_part(expression: Expression) -> Expression:
    """What is written, where no filter changes it."""
    if isinstance(expression, FilteredExpression) and not expression.filters:
        return expression.left
    return expression


def _check_layout(date: Filter) -> None:
    """TemplateError unless the layout is written out and made of parts that we know."""
    layout = date.args[0].value if len(date.args) == 1 else None
    if not isinstance(layout, Constant) or not isinstance(layout.value, str):
        raise TemplateError('uses date without a layout; write one such as date: "%d.%m.%Y, %H:%M"')
    for part in DATE_PART.findall(layout.value):
        if part not in DATE_PARTS:
            raise TemplateError(
                f"has {part} in a date's layout, which is not known; there are: {_LAYOUT_PARTS}"
            )


def _has_length(truncate: Filter) -> bool:
    """Whether it is told how long in a number, or not at all."""
    return all(
        isinstance(one.value, Constant) and isinstance(one.value.value, int) for one in truncate.args[:1]
    )
