"""What may be asked of an upstream, with the credentials from where they are kept."""

from collections.abc import Mapping

from pypi_repo.domain.errors import UpstreamRefused
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.values.target import BasicCredentials, BearerToken, Target


class Targets:
    """Makes targets of upstreams.

    variables: the environment variables in which credentials may be.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def of(self, upstream: Upstream) -> Target:
        """Returns what may be asked of an upstream.

        Raises UpstreamRefused if the variable with its credentials is not set.
        """
        return Target(
            url=upstream.url,
            credentials=self._credentials(upstream),
            file_hosts=frozenset(upstream.file_hosts),
            allow_http=upstream.allow_http,
            allow_private_network=upstream.allow_private_network,
            ca_file=upstream.ca_file,
        )

    def _credentials(self, upstream: Upstream) -> BasicCredentials | BearerToken | None:
        username, secret = upstream.username, upstream.secret
        if upstream.secret_variable is not None:
            found = self._variables.get(upstream.secret_variable)
            if not found:
                raise UpstreamRefused(
                    f"The credentials for the upstream {upstream.name!r} are missing; tell an "
                    "administrator.",
                    detail=f"the environment variable {upstream.secret_variable} is not set",
                )
            name, colon, password = found.partition(":")
            username, secret = (name, password) if colon else (None, found)
        if secret is None:
            return None
        return BearerToken(secret) if username is None else BasicCredentials(username, secret)
