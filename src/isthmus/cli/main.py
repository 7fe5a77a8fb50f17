"""``isthmus``: the entry point and its list of commands."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from cyclopts import App, CycloptsError, Parameter, UnknownCommandError, UnusedCliTokensError

from isthmus.cli.apply import decode, encode, reconstruct
from isthmus.cli.demo import demo
from isthmus.cli.diagnose import diagnose
from isthmus.cli.evaluate import evaluate
from isthmus.cli.failures import DONE, REFUSED, answer, plain_warnings
from isthmus.cli.fit import fit
from isthmus.cli.info import info
from isthmus.cli.messages import one_line, say
from isthmus.cli.recipes import recipes
from isthmus.cli.treat import treat
from isthmus.version import __version__

COMMANDS = (demo, fit, evaluate, diagnose, treat, encode, decode, reconstruct, info, recipes)

app = App(
    name="isthmus",
    version=__version__,
    help="The autoencoder workbench. DATA is a file, a folder or a built-in name such as digits; "
    "MODEL is a folder that `isthmus fit` wrote.",
    help_epilogue="`isthmus COMMAND --help` lists the options of a command; --debug shows tracebacks. "
    "Exit status: 0 done, 2 bad input, 1 a fault of isthmus, 3 ill where diagnose --strict was asked, "
    "130 interrupted.",
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(negative=(), show_default=False),
)


def _helped(command: Any) -> Callable[..., None]:
    """The command with "name : text" of its docstring as cyclopts reads it, the text on a line of its own."""
    command.__doc__ = re.sub(
        r"^( *)(\w+) : (.*)$", r"\1\2\n\1    \3", command.__doc__ or "", flags=re.MULTILINE
    )
    described: Callable[..., None] = command
    return described


for place, function in enumerate(COMMANDS):
    app.command(_helped(function), sort_key=place)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit status and raises nothing.

    arguments : without the program's name; None takes those of the process.
    """
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in tokens
    tokens = [text for text in tokens if text != "--debug"]
    try:
        with plain_warnings():
            app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        return DONE
    except CycloptsError as error:
        say(_usage(error))
        return REFUSED
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else DONE
    except BaseException as error:  # noqa: BLE001 (this is where every error ends)
        return answer(error, debug=debug)


def _usage(error: CycloptsError) -> str:
    """A sentence about a command line that cannot be understood."""
    chain = tuple(error.command_chain or ())
    text = one_line(error).rstrip(".")
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        text = f"unexpected {error.unused_tokens[0]!r}"
    if isinstance(error, UnknownCommandError):
        text = text.partition(" Available commands")[0].rstrip(".")
    see = f"`{' '.join(('isthmus', *chain))} --help`."
    return f"{text} See {see}" if text.endswith("?") else f"{text}: see {see}"
