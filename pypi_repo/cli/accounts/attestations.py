"""pypi-repo attestations ..."""

from dataclasses import asdict
from pathlib import Path

import click

from pypi_repo.cli.options import Group, acts_as_operator, json_option
from pypi_repo.cli.output import print_record, print_records, say
from pypi_repo.domain.attestations.trust_root import TrustRoot
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.services.acting import Acting


@click.group(cls=Group)
def attestations() -> None:
    """Show and replace whose signatures are trusted when attestations are verified."""


@attestations.command()
@json_option
@acts_as_operator
def show(operator: Acting, as_json: bool) -> None:
    """Show the trust root with which attestations are verified."""
    root = operator.trust_roots.get()
    trusted = [asdict(each) for each in root.trusted]
    record = {
        "loaded_at": root.replaced_at,
        "loaded_by": root.replaced_by,
        "sha256": root.sha256,
    }
    if as_json:
        print_record({**record, "trusted": trusted}, as_json)
        return
    if root.replaced_at is None:
        say("The trust root is the one that is installed with the library of Sigstore.")
    print_record(record, as_json)
    print_records(trusted, as_json)


@attestations.command("update-trust-root")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@acts_as_operator
def update_trust_root(operator: Acting, file: Path) -> None:
    """Verify attestations with the trusted_root.json in FILE from now on."""
    try:
        document = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidSetting(
            f"{file} is no trust root; take the trusted_root.json of Sigstore."
        ) from error
    root = operator.trust_roots.replace(document)
    say(f"Attestations are verified with another trust root now, {_summary(root)}.")


@attestations.command()
@acts_as_operator
def reset(operator: Acting) -> None:
    """Verify with the trust root again that is installed with the library of Sigstore."""
    if operator.trust_roots.reset():
        say("Attestations are verified with the installed trust root again.")
    else:
        say("The trust root is the installed one already.", err=True)


def _summary(root: TrustRoot) -> str:
    urls = dict.fromkeys(each.url for each in root.trusted)
    return f"of {', '.join(urls)}"
