"""How a value of a foreign file is shown in an error: as it stands, but never longer than a line."""

import reprlib

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlong = 40

short = _SHORT.repr
