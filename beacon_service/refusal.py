"""How commands tell what is wrong with a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from beacon_service.errors import Problem


class Refused(click.ClickException):
    """A file that cannot be taken: each fault is a line."""

    exit_code = 2

    def __init__(self, problem: Problem) -> None:
        faults = [f"{fault['where']}: {fault['what']}. {fault['do']}" for fault in problem.errors]
        super().__init__("\n".join([problem.detail, *faults]))
