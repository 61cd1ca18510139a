"""The command `amiflow`: the table of its commands, its exit statuses, and what becomes of an exception.

Belongs here: what holds for all commands. Never here: what one command does; its module is imported when it is called.

Exit statuses: 0 fine, also after SIGTERM; 1 the recipe has errors, or a flow failed; 2 usage or environment: no server,
login refused, bad configuration; 3 our own bug, with a report ready to paste; 130 interrupted.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
import threading
from collections.abc import Sequence

import click

from amiflow.cli.crash import report
from amiflow.cli.terminal import complain, say, show
from amiflow.live.problems import Refused, Trouble, nearest
from amiflow.live.secrets import Mask
from amiflow.live.version import amiflow_version

OK, WRONG, ENVIRONMENT, BUG, INTERRUPTED = 0, 1, 2, 3, 130

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM)

# Each is a module of this name; the words are those of the overview, which imports none of them.
COMMANDS: dict[str, str] = {
    "ami": "Print what is known of an event or action.",
    "check": "Say all that is wrong with recipes.",
    "completion": "Print the completion script of a shell.",
    "explain": "Explain a kind of mistake, with an example.",
    "fmt": "Put recipes into one layout.",
    "log": "Print what happened, from the journal of runs.",
    "pause": "Let no flow of a run begin, or not one of them.",
    "plan": "Print the plan of a recipe, its account or its bounds.",
    "record": "Write down what a server says, with times.",
    "reload": "Have a run read its recipes again.",
    "resume": "End a pause.",
    "run": "Run recipes or stored plans on a server.",
    "service": "Print a unit file for systemd.",
    "signal": "Give a signal to a run.",
    "simulate": "Serve a simulated PBX, for any AMI client.",
    "status": "Tell what a run is doing.",
    "stop": "End the runs of one flow.",
    "test": "Run the tests of recipes in virtual time.",
    "trace": "Tell one run of a flow.",
}


class Commands(click.Group):
    """A group whose commands are modules, each with a `command`, imported only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            help = nearest(args[0], COMMANDS)
            raise click.UsageError(f"No such command '{args[0]}'; {help}", ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"amiflow.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"amiflow, version {amiflow_version()}")
        context.exit(OK)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="The version."
)
def group() -> None:
    """Call automation for Asterisk: recipes that are checked, tested and run over its Manager Interface."""


def main(args: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    mask = Mask()
    threading.excepthook = lambda failed: _tell_of_thread(failed, args, mask)
    try:
        status = group.main(list(args), prog_name="amiflow", standalone_mode=False, obj=mask)
        sys.stdout.flush()
        return status if isinstance(status, int) else OK
    except click.ClickException as error:
        error.show()
        return ENVIRONMENT
    except Refused as error:
        show(error.diagnostics, error.sources, mask)
        return ENVIRONMENT
    except Trouble as error:
        complain(mask(str(error)), error.help)
        return ENVIRONMENT
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except SystemExit as error:
        # Click ends so, with 1, when whoever read our output is gone, and with 0 once it has completed a command line.
        return ENVIRONMENT if error.code else OK
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not stumble over it again while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ENVIRONMENT
    except MemoryError:
        complain("the system has no room for this: it takes too much memory")
        return ENVIRONMENT
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            complain(f"the system has no room for this: {error.strerror}")
            return ENVIRONMENT
        if isinstance(error, FileNotFoundError) and _is_nowhere():
            complain("the folder that amiflow was started in is no longer there")
            return ENVIRONMENT
        say(report(error, args, mask))
        return BUG


def _is_nowhere() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _tell_of_thread(failed: threading.ExceptHookArgs, args: Sequence[str], mask: Mask) -> None:
    """A worker has met a bug of ours: the run goes on, and what Python would print might show a secret."""
    if failed.exc_value is not None:
        say(report(failed.exc_value, args, mask))


def entry() -> None:
    """The console script."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))


def _open_what_is_closed() -> None:
    """Standard streams that we were started without lead nowhere; else the next socket would take their place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
