"""The program `clinicscope`: its groups, and how an error becomes an exit code.

Exit codes: 0 done, 2 usage, 3 config, data or bundle, 4 hardware.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from edge.commands.joined import joined_points, load_joined, missing_extra
from edge.contract.errors import ClinicScopeError

NOTICE = "For research and screening support, not for diagnosis."
# Module and name of each command: only the one that runs is imported, so that a device starts fast.
OWN = {
    "application": ("edge.commands.application", "application"),
    "archive": ("edge.commands.archive", "archive"),
    "backup": ("edge.commands.backup", "backup"),
    "bench": ("edge.commands.bench", "bench"),
    "bundle": ("edge.commands.bundle", "bundle"),
    "certificate": ("edge.commands.certificate", "certificate"),
    "classify": ("edge.commands.crops", "classify"),
    "device": ("edge.commands.this_device", "device"),
    "doctor": ("edge.commands.device", "doctor"),
    "enhance": ("edge.commands.pictures", "enhance"),
    "export": ("edge.commands.export", "export_command"),
    "fleet": ("edge.commands.fleet", "fleet"),
    "records": ("edge.commands.records", "records"),
    "protocol": ("edge.commands.protocol", "protocol"),
    "restore": ("edge.commands.backup", "restore"),
    "report": ("edge.commands.report", "report"),
    "screen": ("edge.commands.slide", "screen"),
    "selftest": ("edge.commands.device", "selftest"),
    "site": ("edge.commands.site", "site"),
    "summary": ("edge.commands.report", "summary"),
    "support": ("edge.commands.support", "support"),
    "sync": ("edge.commands.sync", "sync"),
    "updates": ("edge.commands.updates", "updates"),
    "users": ("edge.commands.users", "users"),
}


class Program(click.Group):
    """Own commands, and those that packages above bring (the page, training, compression).

    All are imported when used. Those of packages above are found by entry point, so a device
    without them has a smaller program, not a broken one.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Own commands, and those of installed extras."""
        joined = {name for name in joined_points() if not missing_extra(name)}
        return sorted({*super().list_commands(ctx), *OWN, *joined})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """An own command, or one that a package above brings.

        Raises:
            click.UsageError: its extra is not installed.
        """
        if name in OWN:
            module, attribute = OWN[name]
            own: click.Command = getattr(import_module(module), attribute)
            return own
        if name in joined_points():
            return load_joined(name, name)
        return super().get_command(ctx, name)


@click.group(cls=Program, epilog=NOTICE)
@click.version_option(package_name="clinicscope")
@click.option("-v", "--verbose", is_flag=True, help="Say more on standard error.")
def program(verbose: bool) -> None:
    """Offline blood-smear screening, and the toolchain that ships models to it."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program and gives its exit code."""
    try:
        result = program.main(args=list(argv) if argv is not None else None, standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ClinicScopeError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except OSError as error:
        click.echo(f"error: {error.strerror}: {error.filename}", err=True)
        return 3
    return result if isinstance(result, int) else 0


def script() -> None:
    """The console script."""
    sys.exit(main())
