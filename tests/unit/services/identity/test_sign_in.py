"""People who sign in elsewhere: the flow, and everything that could be wrong with it (O2 to O7)."""

import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from werkzeug.wrappers import Response

from pypi_repo import OPERATOR, Area, Registry
from pypi_repo.domain.accounts.errors import TooManyFailedLogins
from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.identity.errors import (
    IdentityProviderFailed,
    SignInFailed,
    SignInRefused,
    UnknownIdentityProvider,
)
from pypi_repo.services.identity.sign_in import Begun
from tests.conftest import ADMINISTRATOR, PASSWORD
from tests.support.identity_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    SUBJECT,
    ScriptedProvider,
    signing_key,
)
from tests.unit.services.identity.conftest import CALLBACK, Person

AREAS = {"managers": ("repositories", "users"), "staff": ("repositories",)}


@pytest.fixture
def person(registry: Registry, provider: ScriptedProvider) -> Person:
    """An administrator of tomorrow, whom the provider may make."""
    return _person(registry, provider)


def _person(registry: Registry, provider: ScriptedProvider) -> Person:
    provider.person["groups"] = ["managers", "other"]
    provider.create_on(
        registry, accounts="administrators", creates=True, groups_claim="groups", mapping=AREAS
    )
    return Person(registry, provider, "administrators")


def areas_of(registry: Registry, name: str) -> set[str]:
    found = registry.acting_as(OPERATOR).administrators.get(name)
    return {area.value for area in found.areas}


def refused(person: Person) -> str:
    """The detail of a token that is not believed, which the person does not see."""
    with pytest.raises(SignInFailed) as caught:
        person.sign_in()
    assert caught.value.code == "sign-in-failed"
    assert caught.value.detail in person.refusal()
    assert caught.value.detail not in caught.value.message
    return caught.value.detail


# The flow


def test_o2_what_the_provider_is_sent(person: Person) -> None:
    begun = person.begin()
    parts = urlsplit(begun.url)
    assert begun.url.startswith(f"{person.provider.url}/authorize?")
    asked = dict(parse_qsl(parts.query))
    assert asked.keys() == {
        *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce"),
        *("code_challenge", "code_challenge_method"),
    }
    assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
    assert (asked["redirect_uri"], asked["scope"]) == (CALLBACK, "openid profile email")
    assert asked["code_challenge_method"] == "S256"
    secret = begun.secret.partition(".")[2]
    assert secret not in begun.url
    assert secret not in repr(begun)
    other = dict(parse_qsl(urlsplit(person.begin().url).query))
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name]) == 43
        assert asked[name] != other[name]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", None])
def test_o2_a_code_is_exchanged(person: Person, method: str | None) -> None:
    methods = None if method is None else [method, "private_key_jwt"]
    person.provider.changed_discovery = {"token_endpoint_auth_methods_supported": methods}
    session = person.sign_in()
    assert session.actor.name == "dev@example.com"
    (form,) = person.provider.forms
    assert ("client_secret" in form) is (method == "client_secret_post")
    assert form["redirect_uri"] == CALLBACK
    found = person.registry.sessions.find(session.secret)
    assert found is not None
    assert found.actor == session.actor


def test_o7_a_code_or_a_state_that_was_used(both: Registry, provider: ScriptedProvider) -> None:
    person = _person(both, provider)
    begun = person.begin()
    answer = person.provider.answer_to(begun.url)
    person.finish(begun, answer)
    with pytest.raises(SignInFailed, match="used already"):
        person.finish(begun, answer)
    other = person.begin()
    state = dict(parse_qsl(urlsplit(other.url).query))["state"]
    with pytest.raises(SignInFailed, match="not accept"):
        person.finish(other, {"code": answer["code"], "state": state})
    assert "invalid_grant" in person.refusal()


def test_o7_an_answer_to_another_browser(person: Person) -> None:
    """Or somebody could sign others in as themselves."""
    begun, other = person.begin(), person.begin()
    answer = person.provider.answer_to(begun.url)
    for given in (answer, {**answer, "state": ""}, {"code": answer["code"]}, {}):
        with pytest.raises(SignInFailed, match="not begun in this browser"):
            person.finish(other, given)
    assert person.provider.forms == []


@pytest.mark.parametrize(
    "secret", ["", ".", "x.y", "-1.y", "99999999999999999999999.y", "\ud800.é", "{old}.abc"]
)
def test_o7_secrets_that_are_none_or_too_old(secret: str, person: Person) -> None:
    begun = Begun("", secret.format(old=int(time.time()) - 700))
    with pytest.raises(SignInFailed, match="too long ago"):
        person.finish(begun, {"code": "x", "state": "x"})


def test_o7_made_up_answers_are_soon_refused_before_the_provider_is_asked(
    person: Person,
) -> None:
    """Whoever makes up the cookie can compute the state; whoever does neither is not counted."""
    for _time in range(20):
        with pytest.raises(SignInFailed):
            person.finish(person.begin(), {"code": "made up", "state": "made up"})
    for _time in range(10):
        begun = person.begin()
        state = dict(parse_qsl(urlsplit(begun.url).query))["state"]
        with pytest.raises(SignInFailed):
            person.finish(begun, {"code": "made up", "state": state})
    asked = len(person.provider.forms)
    assert asked == 10
    with pytest.raises(TooManyFailedLogins) as caught:
        person.sign_in()
    assert 0 < caught.value.retry_after <= 60
    assert len(person.provider.forms) == asked
    person.address = "198.51.100.7"
    person.sign_in()


def test_sign_ins_that_succeed_are_not_counted(person: Person) -> None:
    for _time in range(12):
        person.sign_in()


def test_o7_an_answer_of_one_provider_is_none_of_another(person: Person) -> None:
    person.provider.create_on(person.registry, "other", accounts="administrators")
    begun = person.begin("other")
    answer = person.provider.answer_to(begun.url)
    with pytest.raises(SignInFailed):
        person.finish(begun, answer, name="sso")


def test_o2_an_answer_that_names_another_issuer(person: Person) -> None:
    begun = person.begin()
    answer = person.provider.answer_to(begun.url) | {"iss": "https://evil.example"}
    with pytest.raises(SignInFailed):
        person.finish(begun, answer)
    assert "evil.example" in person.refusal()


def test_o2_an_issuer_that_always_names_itself(person: Person) -> None:
    person.provider.changed_discovery = {"authorization_response_iss_parameter_supported": True}
    begun = person.begin()
    answer = person.provider.answer_to(begun.url)
    with pytest.raises(SignInFailed):
        person.finish(begun, answer)
    begun = person.begin()
    person.finish(begun, person.provider.answer_to(begun.url) | {"iss": person.provider.url})


def test_errors_of_the_provider_are_told_to_administrators_only(person: Person) -> None:
    person.provider.refusal = {"error": "access_denied", "error_description": "<b>no</b>"}
    with pytest.raises(SignInFailed) as caught:
        person.sign_in()
    assert "<b>" not in caught.value.message
    assert "access_denied" in person.refusal()
    person.provider.refusal = {}
    person.registry.acting_as(OPERATOR).identity_providers.change("sso", client_secret="other")
    with pytest.raises(IdentityProviderFailed) as failed:
        person.sign_in()
    assert "invalid_client" in failed.value.detail


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{}", b'{"id_token": 7}', b'{"error": ["x"]}', b"\xff"]
)
def test_token_endpoints_that_answer_nonsense(answer: bytes, person: Person) -> None:
    person.provider.answers["/token"] = lambda: Response(answer)
    with pytest.raises(IdentityProviderFailed):
        person.sign_in()


def test_s1_a_token_endpoint_that_redirects(person: Person) -> None:
    elsewhere = {"Location": f"{person.provider.url}/other"}
    person.provider.answers["/token"] = lambda: Response(status=307, headers=elsewhere)
    with pytest.raises(IdentityProviderFailed):
        person.sign_in()
    assert "/other" not in person.provider.asked


def test_secrets_are_in_no_refusal(person: Person) -> None:
    person.provider.answers["/token"] = lambda: Response(b"no", 500)
    with pytest.raises(IdentityProviderFailed) as caught:
        person.sign_in()
    assert CLIENT_SECRET not in caught.value.for_operator + person.refusal()


def test_a_provider_that_is_off_or_for_others(person: Person) -> None:
    person.registry.acting_as(OPERATOR).identity_providers.change("sso", enabled=False)
    begun = Begun("", "1.x")
    for call in (person.begin, lambda: person.finish(begun, {})):
        with pytest.raises(UnknownIdentityProvider):
            call()
    assert person.registry.sign_in.offered("administrators") == []
    person.registry.acting_as(OPERATOR).identity_providers.change("sso", enabled=True)
    assert [found.name for found in person.registry.sign_in.offered("administrators")] == ["sso"]
    assert person.registry.sign_in.offered("users") == []
    with pytest.raises(UnknownIdentityProvider):
        person.registry.sign_in.begin("users", "sso", CALLBACK)


# Tokens that lie


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "https://evil.example"}, "InvalidIssuerError"),
        ({"aud": "another-app"}, "InvalidAudienceError"),
        ({"nonce": "A" * 43}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": ["x"]}, "nonce"),
        ({"exp": int(time.time()) - 120}, "ExpiredSignatureError"),
        ({"iat": int(time.time()) + 86_400}, "ImmatureSignatureError"),
        ({"sub": None}, "sub"),
        ({"aud": [CLIENT_ID, "another-app"]}, "several audiences"),
        ({"aud": [CLIENT_ID, "another-app"], "azp": "another-app"}, "made for 'another-app'"),
        ({"azp": "another-app"}, "made for 'another-app'"),
        ({"sub": "x" * 256}, "more than 255 characters"),
    ],
)
def test_o7_wrong_claims(changed: dict[str, Any], reason: str, person: Person) -> None:
    person.provider.changed_claims = changed
    assert reason in refused(person)


def test_o2_several_audiences_for_which_a_token_was_made(person: Person) -> None:
    person.provider.changed_claims = {"aud": [CLIENT_ID, "api"], "azp": CLIENT_ID}
    assert person.sign_in().actor.name == "dev@example.com"


def test_o7_wrong_signatures(person: Person) -> None:
    provider = person.provider
    provider.make_token = lambda claims: jwt.encode(claims, None, "none")
    assert "signed with 'none'" in refused(person)
    secret = CLIENT_SECRET * 4
    provider.make_token = lambda claims: jwt.encode(claims, secret, "HS256")
    assert "signed with 'HS256'" in refused(person)
    provider.make_token = lambda claims: signing_key("first", number=1).sign(claims)
    assert "signature is wrong" in refused(person)
    provider.make_token = lambda claims: signing_key("unknown").sign(claims)
    assert "none of the issuer" in refused(person)
    provider.make_token = lambda _claims: "<script>alert(1)</script>"
    assert "no signed token" in refused(person)


def test_o7_two_keys_of_one_name(person: Person) -> None:
    person.provider.keys = [signing_key("k", number=1), signing_key("k")]
    for number in (0, 1):
        key = signing_key("k", number=number)
        person.provider.make_token = lambda claims, key=key: key.sign(claims)  # type: ignore[misc]
        person.sign_in()


# Whom they become


def test_o3_the_first_sign_in_makes_an_account_without_a_password(person: Person) -> None:
    person.sign_in()
    assert areas_of(person.registry, "dev@example.com") == {"repositories", "users"}
    for password in ("", PASSWORD):
        with pytest.raises(RegistryError, match="wrong"):
            person.registry.sessions.sign_in("dev@example.com", password, "192.0.2.8")
    actions = [
        (entry.action, entry.actor)
        for entry in person.registry.acting_as(OPERATOR).activity.entries()
    ][:2]
    assert actions == [("sign in", "dev@example.com"), ("create administrator", "dev@example.com")]


def test_o3_it_is_the_subject_that_counts(person: Person) -> None:
    person.sign_in()
    person.provider.person["email"] = "married@example.com"
    assert person.sign_in().actor.name == "dev@example.com"
    person.provider.person |= {"sub": "another", "email": "dev@example.com"}
    with pytest.raises(SignInRefused, match="already, and it is not linked"):
        person.sign_in()


def test_o3_no_name_is_taken_over_but_an_administrator_can_link_it(person: Person) -> None:
    person.provider.person["email"] = ADMINISTRATOR.upper()
    with pytest.raises(SignInRefused) as caught:
        person.sign_in()
    assert caught.value.code == "sign-in-refused"
    assert SUBJECT in person.refusal()
    assert areas_of(person.registry, ADMINISTRATOR) == {area.value for area in Area}
    management = person.registry.acting_as(OPERATOR).identity_providers
    management.link("sso", ADMINISTRATOR, SUBJECT)
    assert person.sign_in().actor.name == ADMINISTRATOR
    (identity,) = management.identities("sso")
    assert (identity.subject, identity.account) == (SUBJECT, ADMINISTRATOR)
    assert identity.last_sign_in_at is not None
    # What the mapping does not name is left alone.
    assert areas_of(person.registry, ADMINISTRATOR) == {area.value for area in Area}


def test_o3_nobody_is_made_unless_the_rule_allows_it(person: Person) -> None:
    management = person.registry.acting_as(OPERATOR).identity_providers
    management.change("sso", creates=False)
    with pytest.raises(SignInRefused, match="Nobody here is linked"):
        person.sign_in()
    assert management.identities("sso") == []


def test_o3_all_conditions_must_be_met_each_time(person: Person) -> None:
    conditions = {"hd": "example.com", "email_verified": "true"}
    management = person.registry.acting_as(OPERATOR).identity_providers
    management.change("sso", conditions=conditions)
    for domain in (None, "evil.example", "example.com.evil.example", "EXAMPLE.COM", {"a": 1}, 7):
        person.provider.changed_claims = {"hd": domain}
        with pytest.raises(SignInRefused):
            person.sign_in()
        assert "the claim hd must be 'example.com'" in person.refusal()
    for domain in ("example.com", ["other", "example.com"]):
        person.provider.changed_claims = {"hd": domain}
        person.sign_in()
    person.provider.changed_claims = {}
    with pytest.raises(SignInRefused):
        person.sign_in()


@pytest.mark.parametrize("email", [None, "", "a b", 7, ["dev@example.com"], "a:b", "x" * 200])
def test_o3_names_that_no_account_can_have(email: object, person: Person) -> None:
    person.provider.changed_claims = {"email": email}
    with pytest.raises(SignInRefused, match="does not say a name"):
        person.sign_in()


@pytest.mark.parametrize("said", [False, "false", "False", "no", "", 0, 1, [True]])
def test_o3_an_address_that_nobody_has_verified_names_nobody(said: object, person: Person) -> None:
    person.provider.changed_claims = {"email_verified": said}
    with pytest.raises(SignInRefused, match="has not verified"):
        person.sign_in()


@pytest.mark.parametrize("said", [True, "true", None])
def test_o3_an_address_that_is_verified_or_of_which_nothing_is_said(
    said: object, person: Person
) -> None:
    """None leaves the claim out, as providers do that make the addresses themselves."""
    person.provider.changed_claims = {"email_verified": said}
    assert person.sign_in().actor.name == "dev@example.com"


def test_o4_areas_follow_the_groups_there(both: Registry, provider: ScriptedProvider) -> None:
    person = _person(both, provider)
    session = person.sign_in()
    person.provider.person["groups"] = ["staff"]
    person.sign_in()
    assert areas_of(person.registry, "dev@example.com") == {"repositories"}
    earlier = person.registry.sessions.find(session.secret)
    assert earlier is not None
    assert earlier.actor.areas == {Area.REPOSITORIES}
    person.provider.person["groups"] = ["managers-of-nothing", "Staff", "staf"]
    with pytest.raises(SignInRefused, match="says nothing that lets you manage"):
        person.sign_in()
    assert areas_of(person.registry, "dev@example.com") == set()


def test_o4_the_last_administrator_is_not_taken_away(person: Person) -> None:
    management = person.registry.acting_as(OPERATOR).identity_providers
    management.change("sso", mapping={"owners": ("settings",), **AREAS})
    management.link("sso", ADMINISTRATOR, SUBJECT)
    with pytest.raises(RegistryError) as caught:
        person.sign_in()
    assert caught.value.code == "last-administrator"
    assert "settings" in areas_of(person.registry, ADMINISTRATOR)


def test_o4_groups_that_are_too_many_to_be_sent(person: Person) -> None:
    person.sign_in()
    person.provider.changed_claims = {
        "groups": None,
        "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": "https://graph.example/x"}},
    }
    with pytest.raises(SignInRefused, match="more groups"):
        person.sign_in()
    assert areas_of(person.registry, "dev@example.com") == {"repositories", "users"}


def test_o5_a_deleted_administrator_is_signed_out(person: Person) -> None:
    session = person.sign_in()
    person.registry.acting_as(OPERATOR).administrators.delete("dev@example.com")
    assert person.registry.sessions.find(session.secret) is None
    assert person.registry.acting_as(OPERATOR).identity_providers.identities("sso") == []


def test_o5_local_administrators_can_always_sign_in(person: Person) -> None:
    person.provider.answers["/.well-known/openid-configuration"] = lambda: Response("down", 500)
    with pytest.raises(IdentityProviderFailed):
        person.begin()
    assert "status 500" in person.refusal()
    session = person.registry.sessions.sign_in(ADMINISTRATOR, PASSWORD, "192.0.2.8")
    assert session.actor.name == ADMINISTRATOR


def test_o5_an_administrator_without_a_password_is_no_other_one(person: Person) -> None:
    """Or nobody could sign in while the provider is not there."""
    acting = person.registry.acting_as(OPERATOR)
    acting.identity_providers.change("sso", mapping={"managers": ("settings",)})
    person.sign_in()
    with pytest.raises(RegistryError) as caught:
        acting.administrators.delete(ADMINISTRATOR)
    assert caught.value.code == "last-administrator"


@pytest.mark.parametrize("end", ["unlink", "switch off", "delete"])
def test_sessions_end_with_what_they_came_by(end: str, person: Person) -> None:
    providers = person.registry.acting_as(OPERATOR).identity_providers
    local = person.registry.sessions.sign_in(ADMINISTRATOR, PASSWORD, "192.0.2.8")
    session = person.sign_in()
    if end == "unlink":
        providers.unlink("sso", SUBJECT)
    elif end == "switch off":
        providers.change("sso", enabled=False)
    else:
        providers.delete("sso")
    assert person.registry.sessions.find(session.secret) is None
    assert person.registry.sessions.find(local.secret) is not None
