"""The torture (torture.py) in short: a few days, some groups, some kills. And its own tools."""

import random

import pytest

from story import Story
from torture import Comparison, state_differences, torture

DAYS, MEMBERS, KILLS, REDIS = 5, 100, 20, 2


@pytest.mark.parametrize("shows_own", [True, False], ids=["own_in_history", "own_not_in_history"])
def test_days_under_kill_9(bench, box, request, shows_own):
    seed = request.config.getoption("--seed")
    seed = random.randrange(10**6) if seed is None else seed
    lines, kills = torture(bench, box, seed, DAYS, MEMBERS, kills=KILLS, redis=REDIS, shows_own=shows_own)
    assert kills >= KILLS
    assert not lines, "seed %d:\n%s" % (seed, "\n".join(lines[:20]))


@pytest.mark.needs_no_binary
def test_the_same_seed_tells_the_same_story():
    assert Story(7, days=3, members=40).moments == Story(7, days=3, members=40).moments
    assert Story(7, days=3, members=40).moments != Story(8, days=3, members=40).moments


class Told:
    """A run that said this."""

    def __init__(self, *messages):
        self.messages = [(text, link, 0) for text, link in messages]

    def transcript(self):
        return {"1": self.messages}


@pytest.mark.needs_no_binary
def test_transcripts_are_compared():
    def compare(*messages):
        told = Comparison(Told(("a", 0), ("b", 0), ("c", 0), ("a", 0)), Told(*messages))
        return told.duplicates, told.lost, told.moved, len(told.lines)
    assert compare(("a", 0), ("b", 0), ("c", 1), ("a", 1)) == (0, 0, 0, 0)
    assert compare(("a", 0), ("a", 1), ("b", 1), ("c", 1), ("a", 1)) == (1, 0, 0, 0)
    assert compare(("a", 0), ("c", 0), ("a", 0)) == (0, 1, 0, 1)
    assert compare(("b", 0), ("a", 0), ("c", 0), ("a", 0)) == (0, 0, 1, 1)
    assert compare(("a", 0), ("b", 0), ("b", 0), ("c", 0), ("a", 0)) == (0, 0, 0, 1)     # twice, and no link died


@pytest.mark.needs_no_binary
def test_differences_are_named():
    assert state_differences({"k": {"a": "1"}}, {"k": {"a": "1"}}) == []
    assert "k a" in state_differences({"k": {"a": "1"}}, {"k": {"a": "2"}})[0]
    assert "[1]" in state_differences({"k": {"c": ["x", "y"]}}, {"k": {"c": ["x", "z"]}})[0]
    assert "k:" in state_differences({}, {"k": "1"})[0]
