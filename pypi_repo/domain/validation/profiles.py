"""Validation profiles, which decide how strictly a repository checks uploads."""

from datetime import timedelta
from typing import Literal, get_args

from pypi_repo.domain.validation import public_index
from pypi_repo.domain.validation.rules import Rules

Profile = Literal["private", "pypi", "lenient"]

PROFILES: tuple[Profile, ...] = get_args(Profile)

RULES: dict[Profile, Rules] = {
    "private": Rules(),
    "pypi": Rules(
        verified_record=False,
        distutils_digests=False,
        distinct_member_names=True,
        plain_script_names=True,
        rendered_descriptions=True,
        distinct_contents=True,
        one_sdist="always",
        conflicts_are_invalid=True,
        releases_close_after=timedelta(days=14),
        filename_checks=(public_index.check_filename,),
        metadata_checks=(public_index.check_metadata,),
        new_name_checks=(public_index.check_new_name,),
        installation_checks=(public_index.check_installed,),
    ),
    "lenient": Rules(
        normalized_filenames=False,
        valid_metadata=False,
        complete_wheels=False,
        verified_record=False,
        one_sdist="never",
    ),
}
