"""Work for executors that trains nothing; functions of a module, so that they can be sent."""

import os
import time


def prepare_nothing():
    pass


def slowly(item, places):
    time.sleep(0.2)
    return item


def die_at_three(item, places):
    """Kill this process at the item 3, each time."""
    if item == 3:
        os._exit(9)
    time.sleep(0.01)
    return item


def slowly_there(item, places):
    time.sleep(0.5)
    return item
