"""Values that are worked out once, when they are first asked for."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Owner = TypeVar("Owner")
Value = TypeVar("Value")


class lazy(Generic[Owner, Value]):  # noqa: N801 - used as a decorator, beside `property`
    """What `functools.cached_property` is, without the lock that it takes before Python 3.12: that one cost more than
    most of the values of a moment. Two threads that ask at once both work it out.
    """

    def __init__(self, work_out: Callable[[Owner], Value]) -> None:
        self._work_out = work_out
        self.__doc__ = work_out.__doc__

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, owner: None, _class: type) -> "lazy[Owner, Value]": ...
    @overload
    def __get__(self, owner: Owner, _class: type) -> Value: ...
    def __get__(self, owner: Owner | None, _class: type) -> Any:
        if owner is None:
            return self
        # Found by Python itself from then on, before this is asked.
        value = owner.__dict__[self._name] = self._work_out(owner)
        return value
