"""Waiting for a run to get somewhere."""

from tests.fake_training import until

LONG = 10_000  # epochs: a run that ends only when told to


def reached(manager, run_id, *states):
    """Wait until a run has one of these states; its snapshot then."""

    def look():
        snapshot = manager.snapshot(run_id)
        assert snapshot.state in states or not snapshot.has_ended, snapshot.reason
        return snapshot if snapshot.state in states else None

    return until(look)


def trained(manager, run_id, epochs=1):
    """Wait until a run has trained some epochs; its snapshot then."""

    def look():
        snapshot = manager.snapshot(run_id)
        assert len(snapshot.epochs) >= epochs or not snapshot.has_ended, snapshot.reason
        return snapshot if len(snapshot.epochs) >= epochs else None

    return until(look)
