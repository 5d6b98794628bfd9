"""What must be so of all that was sent, whatever went wrong: it is in records once, or its window has SKIPDATA."""


def is_told(times, skipped):
    """One of the spans `skipped`, of whole seconds with their ends, has part of the time from `times[0]` to `times[1]`."""
    begin, end = times
    return any(first <= end and begin < last + 1 for first, last in skipped)


def account(sent, recorded, skipped, each=1):
    """`sent` is when `each` packets of that name left: before the first and after the last of them, by the clock of who
    records. `recorded` is how many packets of that name records have, `skipped` what is_told() asks for, of the
    interface where all of them passed. Returns what is wrong, a line each, and how many packets no record has."""
    wrong, missing = [f"{name} is recorded and was not sent" for name in recorded if name not in sent], 0
    for name, times in sent.items():
        count = recorded.get(name, 0)
        if count > each or (count < each and not is_told(times, skipped)):
            wrong.append(f"{name}, sent at {times[0]:.3f}: {count} of {each} packets are recorded")
        missing += max(each - count, 0)
    return wrong, missing
