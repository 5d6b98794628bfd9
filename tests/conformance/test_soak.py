"""What an hour does to `weir up`, in a minute: it publishes each second, and is often reloaded. bench/soak.py has
longer ones."""

from lab import prepared_lab
from soaking import soak


def test_an_hour_of_publications_and_reloads_loses_nothing_and_keeps_no_memory(program, tmp_path):
    # The most of a stretch is left to longer soaks: of two windows that are open at once each has a table.
    with prepared_lab(program, tmp_path) as lab:
        assert soak(lab, seconds=60, pause=0.1, reload_every=3, kill_every=20, stretch=4,
                    compared={"the least": min}) == []
