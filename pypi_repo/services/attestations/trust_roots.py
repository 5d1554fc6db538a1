"""Shows and replaces the trust root, and makes from it what verifies attestations."""

import json
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import quote

from pypi_repo.domain.accounts.access import Actor, ActorKind
from pypi_repo.domain.attestations.trust_root import TrustRoot
from pypi_repo.domain.errors import ConfigurationError, InvalidSetting, PermissionDenied
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.settings import MIB
from pypi_repo.storage.attestations.trust_roots import LoadedRoot, TrustRootRows
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.journal import Journal

if TYPE_CHECKING:
    from sigstore.verify import Verifier

_NAME = "sigstore"
_LARGEST = MIB  # that of the public instance has 7 KiB
_PUBLIC_INSTANCE = "https://tuf-repo-cdn.sigstore.dev"
_CONFIG = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_SIGNING_CONFIG = "application/vnd.dev.sigstore.signingconfig.v0.2+json"


class TrustRoots:
    """Manages the trust root, with which attestations are verified.

    Nothing is ever asked elsewhere for it. All methods raise PermissionDenied unless the actor is
    the operator, as whoever replaces it decides what is verified.
    """

    def __init__(self, actor: Actor, database: Database) -> None:
        self._actor = actor
        self._database = database

    def get(self) -> TrustRoot:
        """Returns the trust root in use.

        Raises InvalidSetting if it cannot be read, and ConfigurationError if none was loaded and
        the library that has one is not installed.
        """
        self._require_operator()
        return root_in_use(self._database)

    def replace(self, document: str) -> TrustRoot:
        """Verifies attestations with another trust root from now on, in all processes.

        document: the `trusted_root.json` of a Sigstore instance.

        Returns the trust root.

        Raises InvalidSetting if it is none, and ConfigurationError if the library that verifies is
        not installed.
        """
        self._require_operator()
        if len(document) > _LARGEST:
            raise InvalidSetting("A trust root has at most 1 MiB; check the file.")
        loaded = LoadedRoot(document, datetime.now(UTC), self._actor.name)
        root = TrustRoot.read(document, loaded.replaced_at, loaded.replaced_by)
        verifier_of(document)
        with self._database.begin() as connection:
            TrustRootRows(connection).put(_NAME, loaded)
            self._record(connection, "replace trust root", {"sha256": root.sha256})
        return root

    def reset(self) -> bool:
        """Verifies with the trust root again that is installed with the library.

        Returns whether another one was loaded.
        """
        self._require_operator()
        with self._database.begin() as connection:
            was_loaded = TrustRootRows(connection).delete(_NAME)
            if was_loaded:
                self._record(connection, "reset trust root", {})
        return was_loaded

    def _require_operator(self) -> None:
        if self._actor.kind is not ActorKind.OPERATOR:
            raise PermissionDenied(
                "Only the operator of the server sees and replaces the trust root; have it done on "
                "the command line of the server."
            )

    def _record(self, connection: Executor, action: str, detail: dict[str, str]) -> None:
        entry = JournalEntry.by(self._actor, action, detail={"trust_root": _NAME, **detail})
        Journal(connection).record(entry)


def root_in_use(executor: Executor) -> TrustRoot:
    """Returns the trust root with which attestations are verified; it is read each time.

    Raises InvalidSetting if it cannot be read, and ConfigurationError if none was loaded and the
    library that has one is not installed.
    """
    loaded = TrustRootRows(executor).get(_NAME)
    if loaded is None:
        return TrustRoot.read(installed_document())
    return TrustRoot.read(loaded.document, loaded.replaced_at, loaded.replaced_by)


@lru_cache(maxsize=8)  # registries in one process, and the roots of other times
def verifier_of(document: str) -> "Verifier":
    """Returns what verifies attestations with a trust root, and asks nobody for anything.

    Raises InvalidSetting if the document is none or a key in it cannot be used, and
    ConfigurationError if the library that verifies is not installed.
    """
    root = TrustRoot.read(document)
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_der_public_key
        from sigstore.errors import Error
        from sigstore.models import ClientTrustConfig
        from sigstore.verify import Verifier
    except ImportError as error:
        raise _not_installed() from error
    # A trust root is only read from a file, or as a part of this.
    whole = {
        "mediaType": _CONFIG,
        "trustedRoot": json.loads(document),
        "signingConfig": {"mediaType": _SIGNING_CONFIG},
    }
    try:
        for key in root.log_keys:  # which are looked at only when something is verified
            load_der_public_key(key)
        return Verifier(trusted_root=ClientTrustConfig.from_json(json.dumps(whole)).trusted_root)
    except (Error, ValueError, UnsupportedAlgorithm) as error:
        raise InvalidSetting(
            "The trust root has keys or certificates that cannot be read; take the "
            "trusted_root.json of Sigstore as it is.",
            detail=str(error),
        ) from error


def installed_document() -> str:
    """Returns the trust root of the public instance, as it is installed with the library.

    Raises ConfigurationError if the library is not installed, or has none.
    """
    try:
        folder = resources.files("sigstore") / "_store" / quote(_PUBLIC_INSTANCE, safe="")
        return (folder / "trusted_root.json").read_text()
    except ModuleNotFoundError as error:
        raise _not_installed() from error
    except OSError as error:
        raise ConfigurationError(
            "The library that verifies attestations has no trust root in it; load the "
            "trusted_root.json of Sigstore.",
            detail=str(error),
        ) from error


def _not_installed() -> ConfigurationError:
    return ConfigurationError(
        "Attestations are verified by a library that is not installed; install "
        "pypi-repo[attestations] on the server."
    )
