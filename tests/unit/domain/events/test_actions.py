"""Which actions of the journal are events, and that nobody has forgotten to decide it (E1)."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pypi_repo
from pypi_repo.domain.events.bodies import sentence
from pypi_repo.domain.events.event import EVENT_OF_ACTION, EVENT_TYPES, Event
from pypi_repo.domain.journal import JournalEntry

NO_EVENTS = {
    *("import", "set up registry", "sign in", "sign out everywhere", "accept invitation"),
    *(f"{verb} repository" for verb in ("create", "change", "delete")),
    *(f"{verb} upstream" for verb in ("create", "change", "delete")),
    *(f"{verb} webhook" for verb in ("create", "change", "delete", "switch off")),
    *(f"{verb} identity provider" for verb in ("create", "change", "delete")),
    *(f"{verb} publisher" for verb in ("create", "change", "delete")),
    *(f"{verb} trust root" for verb in ("replace", "reset")),
    *(f"{verb} stage" for verb in ("open", "drop", "expire")),
    *(f"{verb} retention rule" for verb in ("add", "delete")),
    *("preview retention", "purge trash", "delete rule", "add exception", "delete exception"),
    *("set sources", "reserve names", "merge names", "give up name"),
    *("create user", "delete user", "invite user", "withdraw invitation of user"),
    *("change access of user", "change groups of user", "set password of user"),
    *("disable user", "enable user", "end session of user"),
    *("accept password of user", "refuse password of user"),
    *("create token of user", "revoke token of user"),
    *("create administrator", "delete administrator", "change permissions of administrator"),
    *("set password of administrator", "create token of administrator"),
    *("revoke token of administrator", "link account", "unlink account"),
    *("create group", "delete group", "change access of group", "change description of group"),
    *("add user to group", "remove user from group"),
}
"""What nobody outside waits for: accounts, settings, and steps on the way to an event."""

_SERVICES = Path(pypi_repo.__file__).parent / "services"
_RECORDS = {"record", "_record", "_change", "by", "delete_release"}


def _texts(node: ast.AST) -> Iterator[str]:
    """The texts that an expression can be, with an asterisk for what is put in."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=values):
            yield "".join(each.value if isinstance(each, ast.Constant) else "*" for each in values)  # type: ignore[misc]
        case ast.IfExp(body=body, orelse=orelse):
            yield from _texts(body)
            yield from _texts(orelse)


def _named(node: ast.AST) -> Iterator[ast.AST]:
    """The expressions that stand where an action is named."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=arguments):
            if name in _RECORDS:
                yield from arguments
        case ast.Assign(targets=[ast.Name(id="action")], value=value):
            yield value
        case ast.Assign(targets=[ast.Tuple()], value=ast.Tuple(elts=values)):
            yield from values
        case ast.FunctionDef(name="yank_action", body=body):
            yield from (each.value for each in body if isinstance(each, ast.Return) and each.value)
    yield from getattr(getattr(node, "args", None), "defaults", [])


def _actions() -> set[str]:
    """All actions that services name, as patterns."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in _SERVICES.rglob("*.py")]
    found = {
        text
        for tree in trees
        for node in ast.walk(tree)
        for expression in _named(node)
        for text in _texts(expression)
    }
    return {text for text in found if re.fullmatch(r"[a-z*]+( [a-z*]+)+", text)}


def test_e1_every_action_is_an_event_or_named_as_none() -> None:
    decided = EVENT_OF_ACTION.keys() | NO_EVENTS
    undecided = {
        text for text in _actions() if not any(fnmatchcase(action, text) for action in decided)
    }
    assert undecided == set()
    assert EVENT_OF_ACTION.keys().isdisjoint(NO_EVENTS)


def test_e1_every_event_is_an_action_of_the_journal() -> None:
    """Otherwise a webhook would wait for something that never happens."""
    found = _actions()
    unheard_of = {
        action for action in EVENT_OF_ACTION if not any(fnmatchcase(action, text) for text in found)
    }
    assert unheard_of == set()


def test_e1_each_event_can_be_told_in_a_sentence() -> None:
    """With whatever its entry has."""
    told = {}
    for action in EVENT_OF_ACTION:
        entry = JournalEntry(
            actor="ada", actor_kind="user", action=action, repository="main", project="demo"
        )
        event = Event.of(entry) or Event.of(
            JournalEntry(actor="ada", actor_kind="user", action=action, detail={"action": "deny"})
        )
        assert event is not None, action
        told[event.type] = sentence(event)
    assert told.keys() == set(EVENT_TYPES)
    assert told["file.uploaded"] == "ada uploaded demo to main"
    assert all(told.values())
