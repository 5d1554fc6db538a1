"""kill -9 while uploads are under way: a hundred times somewhere, and once before every step."""

import random
import time

from tests.serve.conftest import addresses
from tests.support.crashing import Uploading, upload_of, upload_whole
from tests.support.installation import Installation, assert_all_is_well
from tests.support.load import Load

ROUNDS, AT_ONCE = 13, 4
SERVERS = 4


def test_before_every_step_of_an_upload(installation: Installation) -> None:
    """Disk, database and object store: whatever an upload asks of them, it may be the last."""
    for project in ("first", "whole"):  # the very first one into a store has more steps
        steps = upload_whole(installation, project)
    answered, in_flight = [upload_of("first", 0), upload_of("whole", 0)], []
    for number, name in enumerate(steps, 1):
        cut = Uploading(installation, f"cut-{number}", die_at=number)
        cut.wait()
        assert (cut.statuses, len(cut.in_flight)) == ([], 1), name
        in_flight += cut.in_flight
    assert len(in_flight) > 15
    assert_all_is_well(installation, answered, in_flight)


def test_a_hundred_times_at_random(installation: Installation) -> None:
    """Four processes upload at once and are killed, each at a moment of its own.

    Half of the times in each kind of installation.
    """
    chance = random.Random(7)
    answered, in_flight = [], []
    for number in range(ROUNDS):
        running = [Uploading(installation, f"demo-{number}-{each}") for each in range(AT_ONCE)]
        for each in running:
            each.wait_until_ready()
            time.sleep(chance.uniform(0, 0.05))
            each.kill()
            assert set(each.statuses) <= {200}
            answered += each.answered
            in_flight += each.in_flight
    assert len(in_flight) > ROUNDS
    assert_all_is_well(installation, answered, in_flight)


def test_the_server_under_load(installation: Installation) -> None:
    """As the machine does it that runs out of memory: with everything else that a server does."""
    chance = random.Random(7)
    answered, in_flight = [], []
    for number in range(SERVERS):
        with installation.start() as server:
            load = Load(server, addresses(server).target(), f"load-{number}")
            load.wait_for_more(4)
            time.sleep(chance.uniform(0, 0.05))
            server.kill()
            load.stop()
        assert set(load.statuses) <= {200}
        answered += load.answered
        in_flight += load.in_flight
    assert_all_is_well(installation, answered, in_flight)
