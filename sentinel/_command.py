"""How the project's commands end: one line and an exit code for whatever the user can mend, never a traceback."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from sentinel.errors import SentinelError

_UsageError: Any = typer.BadParameter.__mro__[1]
"""What typer raises for options that it cannot read; it exports only this one kind of it."""


def run(app: typer.Typer, err: Console) -> NoReturn:
    """Run a command and leave the process.

    Exit codes are the command's own (0 where it says none), 130 for an interruption, and 2 for what the user gave.

    Args:
        app: The command.
        err: Where the line goes.
    """
    try:
        code = app(standalone_mode=False) if len(sys.argv) > 1 else app()
    except SentinelError as error:
        _fail(err, str(error))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except _UsageError as error:
        _fail(err, error.format_message())
    sys.exit(code if isinstance(code, int) else 0)


def _fail(err: Console, message: str) -> NoReturn:
    err.print(f"[bold red]error[/] {escape(' '.join(message.split()))}", highlight=False, soft_wrap=True)
    sys.exit(2)
