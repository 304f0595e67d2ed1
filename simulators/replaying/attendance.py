"""Who is there: phones from their first line until they were silent for as long as a visit lasts.

What is left of a phone that went is a few hundred bytes, its token above all, until it comes again.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from simulators.replaying.lanes import Lane
from simulators.replaying.names import Names
from simulators.replaying.phone import Phone


@dataclass(slots=True)
class Attendance:
    """`leave` gives a phone what it still does on its way out; asked again after that it has nothing.

    `here`: the longest silent first. `going`: on their way out.
    """

    names: Names
    leave: Callable[[Lane, Phone], None]
    here: "OrderedDict[str, Lane]" = field(default_factory=OrderedDict)
    going: dict[str, Lane] = field(default_factory=dict)
    asleep: dict[str, bytes] = field(default_factory=dict)

    def came(self, name: str, at_s: float) -> tuple[Lane, Phone]:
        """A line of the trace is of that phone: it is there, now."""
        lane, phone = self.find(name)
        self.going.pop(name, None)
        self.here[name] = lane
        self.here.move_to_end(name)
        phone.last_s = max(phone.last_s, at_s)
        return lane, phone

    def find(self, name: str) -> tuple[Lane, Phone]:
        """Wherever it is; who sleeps is woken, and goes again at once."""
        lane = self.here.get(name) or self.going.get(name)
        if lane is None:
            kept = self.asleep.pop(name, None)
            phone = msgspec.msgpack.decode(kept, type=Phone) if kept else Phone(name, self.names.told(name))
            lane = self.going[name] = Lane(name, phone)
        assert lane.phone is not None, "it is a phone's lane"
        return lane, lane.phone

    def let_go(self, before_s: float) -> None:
        """Whoever was silent since then, in the trace's time."""
        while self.here:
            name, lane = next(iter(self.here.items()))
            assert lane.phone is not None, "it is a phone's lane"
            if lane.phone.last_s >= before_s:
                return
            self.going[name] = self.here.pop(name)
            self.leave(lane, lane.phone)
            self.emptied(lane)

    def emptied(self, lane: Lane) -> None:
        """It has nothing to do any more; who is on the way out may still find something, or is gone."""
        if lane.name not in self.going or not lane.is_idle:
            return
        assert lane.phone is not None, "it is a phone's lane"
        self.leave(lane, lane.phone)
        if lane.is_idle:
            lane.phone.forget()
            self.asleep[lane.name] = msgspec.msgpack.encode(lane.phone)
            del self.going[lane.name]

    def lanes(self) -> Iterator[Lane]:
        yield from self.here.values()
        yield from self.going.values()
