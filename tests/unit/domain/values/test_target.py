"""What may be asked of an index elsewhere, and with which credentials (S1, S2, S5)."""

from posixpath import normpath
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.errors import InvalidSetting, UpstreamRefused
from pypi_repo.domain.values.target import (
    BasicCredentials,
    BearerToken,
    Target,
    parse_file_host,
)
from pypi_repo.domain.values.urls import parse_url

SECRET = BasicCredentials("ci", "s3cret")
INDEX = "https://index.example.com/team/simple/"


def gets_credentials(url: str, index: str = INDEX) -> bool:
    return Target(url=index, credentials=SECRET).authorization_for(parse_url(url)) is not None


@pytest.mark.parametrize(
    "url",
    [
        INDEX,
        "https://index.example.com/team/simple/numpy/",
        "https://index.example.com/team/files/numpy-1.0.tar.gz",
        "https://index.example.com:443/team/simple/",
        "HTTPS://INDEX.Example.COM./team/simple/",
        "https://index.example.com/other/../team/simple/",
        "https://index.example.com/team/simple/?page=2#fragment",
        "https://index.example.com/team/simple/a%2fb",
    ],
)
def test_s1_credentials_go_to_the_folder_of_the_index(url: str) -> None:
    assert gets_credentials(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://index.example.com/team/simple/",
        "https://index.example.com:8443/team/simple/",
        "https://evil.example.com/team/simple/",
        "https://index.example.com.evil.example/team/simple/",
        "https://example.com/team/simple/",
        "https://index.example.com/",
        "https://index.example.com/teams/simple/",
        "https://index.example.com/Team/simple/",
        "https://index.example.com/team/../other/",
        "https://index.example.com/team/%2e%2e/other/",
        "https://index.example.com/team/.%2E/other/",
        "https://index.example.com/team/..%2fother/",
        "https://index.example.com/team/%2e%2e%2fother/",
        "https://index.example.com/team/%252e%252e%252fother/",
        "https://index.example.com/team/..%5cother/",
        "https://index.example.com/team/..;/other/",
        "https://index.example.com/team/x/..;a=b/..;/other/",
    ],
)
def test_s1_credentials_go_nowhere_else(url: str) -> None:
    assert not gets_credentials(url)


@pytest.mark.parametrize(
    ("index", "inside", "outside"),
    [
        ("https://h.example/simple/", "https://h.example/packages/x", "https://g.example/"),
        ("https://h.example/a/+simple/", "https://h.example/a/+f/x", "https://h.example/b/"),
        ("https://h.example/whl/cpu/", "https://h.example/whl/cpu/x/", "https://h.example/whl/"),
        ("https://h.example/notsimple/", "https://h.example/notsimple/x/", "https://h.example/x"),
    ],
)
def test_s1_the_folder_is_above_simple(index: str, inside: str, outside: str) -> None:
    assert gets_credentials(inside, index)
    assert not gets_credentials(outside, index)


def as_the_most_lenient_server_reads(path: str) -> str:
    """Decodes again and again, knows two kinds of slashes, and ignores parameters."""
    while (decoded := unquote(path)) != path:
        path = decoded
    folders = [part.partition(";")[0] for part in path.replace("\\", "/").split("/")]
    return f"{normpath('/' + '/'.join(folders))}/".replace("//", "/")


@given(
    st.lists(
        st.sampled_from(
            ["..", ".", "%2e", "%2E%2e", "%252e", "/", "%2f", "%255c", ";", "x", "team", "%", "%25"]
        ),
        max_size=12,
    ).map("".join)
)
def test_s1_no_spelling_of_a_path_takes_credentials_out_of_the_folder(path: str) -> None:
    url = f"https://index.example.com/team/{path}"
    if not as_the_most_lenient_server_reads(parse_url(url).path).startswith("/team/"):
        assert not gets_credentials(url)


def test_s1_the_headers() -> None:
    assert BasicCredentials("ci", "sécret").header == "Basic Y2k6c8OpY3JldA=="
    assert BasicCredentials("ci", "a b\xa0").header == "Basic Y2k6YSBiwqA="
    assert BearerToken("abc").header == "Bearer abc"


def test_s1_secrets_are_in_no_repr() -> None:
    for credentials in (SECRET, BearerToken("s3cret")):
        assert "s3cret" not in repr(Target(url=INDEX, credentials=credentials))


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "tökén"])
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(InvalidSetting):
        BearerToken(token)


@pytest.mark.parametrize(("user", "password"), [("a:b", "x"), ("a\n", "x"), ("a", "x\r\ny")])
def test_what_are_no_credentials(user: str, password: str) -> None:
    with pytest.raises(InvalidSetting):
        BasicCredentials(user, password)


@pytest.mark.parametrize(
    "url",
    [
        "https://ci:s3cret@index.example.com/",
        "https://ci@index.example.com/",
        "https://@index.example.com/",
        "https://index.example.com@evil.example/",
    ],
)
def test_s1_urls_with_user_information_are_refused(url: str) -> None:
    with pytest.raises(UpstreamRefused) as caught:
        parse_url(url)
    assert "s3cret" not in caught.value.for_operator


@pytest.mark.parametrize(
    "url",
    [
        "",
        "numpy/",
        "//index.example.com/",
        "https://",
        "https:///simple/",
        "https:/index.example.com/",
        "ftp://index.example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://index.example.com:0/",
        "https://index.example.com:65536/",
        "https://index.example.com:x/",
        "https://index..example.com/",
        "https://-index.example.com/",
        "https://index.example.com%2f.evil.example/",
        "https://evil.example\\.index.example.com/",
        "https://evil.example\\@index.example.com/",
        "https://index.example.com/a\r\nX: y",
        "https://index.example.com/\0",
        "https://index\t.example.com/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://[v1.x]/",
        f"https://index.example.com/{'a' * 9000}",
        f"https://{'a' * 300}.example.com/",
        f"https://{'ä' * 100}.example.com/",
        "https://exa mple.com/",
    ],
)
def test_what_cannot_be_asked_for_is_refused(url: str) -> None:
    with pytest.raises(UpstreamRefused):
        parse_url(url)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://H.example", "https://h.example/"),
        ("https://h.example:443/a", "https://h.example/a"),
        ("http://h.example:80/a", "http://h.example/a"),
        ("https://h.example:80/a", "https://h.example:80/a"),
        ("https://h.example/a/./b/../c", "https://h.example/a/c"),
        ("https://h.example/a/..", "https://h.example/"),
        ("https://h.example/../../a", "https://h.example/a"),
        ("https://h.example//a//", "https://h.example//a//"),
        ("https://h.example/a b", "https://h.example/a%20b"),
        ("https://h.example/é", "https://h.example/%C3%A9"),
        ("https://h.example/a%2Bb?x=%2F&y[]=1#z", "https://h.example/a%2Bb?x=%2F&y[]=1"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://[2001:DB8:0::1]:8443/", "https://[2001:db8::1]:8443/"),
    ],
)
def test_urls_have_one_form(url: str, normal: str) -> None:
    assert str(parse_url(url)) == normal
    assert parse_url(normal) == parse_url(url)


@given(st.text(max_size=80) | st.from_regex(r"https?://[^/]{0,20}/.{0,30}", fullmatch=True))
def test_any_text_is_a_url_or_refused(text: str) -> None:
    try:
        url = parse_url(text)
    except UpstreamRefused:
        return
    assert parse_url(str(url)) == url
    assert str(url).isascii()
    assert not set(str(url)) & set(" \r\n\\@") - set(url.path) - set(url.query or "")
    assert url.target.startswith("/")


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("numpy/", "https://h.example/a/simple/numpy/"),
        ("../files/x.whl#sha256=abc", "https://h.example/a/files/x.whl"),
        ("//files.example/x", "https://files.example/x"),
        ("/x?y", "https://h.example/x?y"),
    ],
)
def test_references(reference: str, url: str) -> None:
    assert str(parse_url("https://h.example/a/simple/").joined(reference)) == url


@pytest.mark.parametrize("reference", ["https://[x/", "ftp://h.example/", "//u:p@h.example/"])
def test_references_that_lead_nowhere(reference: str) -> None:
    with pytest.raises(UpstreamRefused):
        parse_url("https://h.example/").joined(reference)


TARGET = Target(
    url="https://index.example.com:8443/simple/",
    file_hosts=frozenset({"files.example.com", "Mirror.Example.com:9000", "[2001:db8::1]:81"}),
)


@pytest.mark.parametrize(
    "url",
    [
        "https://index.example.com:8443/anything",
        "https://index.example.com/anything",
        "https://files.example.com/x",
        "https://FILES.example.com.:443/x",
        "https://mirror.example.com:9000/x",
        "https://[2001:db8:0:0::1]:81/x",
    ],
)
def test_s2_links_may_lead_to_its_own_host_and_to_the_file_hosts(url: str) -> None:
    TARGET.require_allowed(parse_url(url))


@pytest.mark.parametrize(
    "url",
    [
        "https://index.example.com:8444/x",
        "https://files.example.com:8443/x",
        "https://mirror.example.com/x",
        "https://sub.files.example.com/x",
        "https://evil.example/x",
        "https://169.254.169.254/latest/meta-data/",
        "https://[2001:db8::1]/x",
    ],
)
def test_s2_links_may_lead_to_no_other_host(url: str) -> None:
    with pytest.raises(UpstreamRefused) as caught:
        TARGET.require_allowed(parse_url(url))
    assert parse_url(url).netloc not in caught.value.message
    assert parse_url(url).netloc in caught.value.for_operator
    assert "file hosts" in caught.value.message


def test_s2_the_secret_part_of_a_signed_url_is_in_no_error() -> None:
    with pytest.raises(UpstreamRefused) as caught:
        TARGET.require_allowed(parse_url("https://store.example/x?Signature=s3cret"))
    assert "s3cret" not in caught.value.for_operator


def test_s5_only_https_unless_http_is_allowed() -> None:
    plain = parse_url("http://index.example.com/simple/")
    with pytest.raises(UpstreamRefused, match="TLS"):
        Target(url="http://index.example.com/simple/").require_allowed(plain)
    Target(url=str(plain), allow_http=True).require_allowed(plain)


@pytest.mark.parametrize(
    "text",
    ["", "a/b", "https://h", "h:", "h:0", "h:65536", "h:x", "u@h", "[x]", "[::1", "::1", "*"],
)
def test_what_is_no_file_host(text: str) -> None:
    with pytest.raises(InvalidSetting, match="write it like"):
        parse_file_host(text)
