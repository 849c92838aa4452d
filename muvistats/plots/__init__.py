"""One function per figure: it takes a result frame or the study and returns a matplotlib figure.

Save one with ``figure.savefig("name.png")``; no screen and no pyplot is needed.
"""
