"""The program `clinicscope`: its groups, and how an error becomes an exit code.

Exit codes: 0 done, 2 usage, 3 config, data or bundle, 4 hardware.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

import click

from edge.commands.bench import bench
from edge.commands.bundle import bundle
from edge.commands.crops import classify
from edge.commands.device import doctor, selftest
from edge.commands.joined import joined_points, load_joined, missing_extra
from edge.commands.pictures import enhance
from edge.commands.site import site
from edge.commands.slide import screen
from edge.contract.errors import ClinicScopeError

NOTICE = "For research and screening support, not for diagnosis."


class Program(click.Group):
    """Adds commands that packages above this one bring (the page, training, compression).

    They are found by entry point and loaded when used, so a device without them has a smaller
    program, not a broken one.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Own commands, and those of installed extras."""
        joined = {name for name in joined_points() if not missing_extra(name)}
        return sorted({*super().list_commands(ctx), *joined})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """An own command, or one that a package above brings.

        Raises:
            click.UsageError: its extra is not installed.
        """
        own = super().get_command(ctx, name)
        if own is not None or name not in joined_points():
            return own
        return load_joined(name, name)


@click.group(cls=Program, epilog=NOTICE)
@click.version_option(package_name="clinicscope")
@click.option("-v", "--verbose", is_flag=True, help="Say more on standard error.")
def program(verbose: bool) -> None:
    """Offline blood-smear screening, and the toolchain that ships models to it."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")


for _command in (screen, classify, enhance, selftest, doctor, bundle, site, bench):
    program.add_command(_command)


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
