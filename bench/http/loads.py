"""CPU time per request of each subject as a ratio to the floor's, on a machine whose speed drifts.

Each burst on a subject stands between two bursts on the floor, and its CPU time per request is divided by the mean of
the two. So a phase in which the machine is slow changes both sides.
"""

LOADS = {
    "get1": {"connections": 1},
    "get64": {"connections": 64},
    "get512": {"connections": 512},
    "put64": {"connections": 64, "method": "PUT"},
    "pipe16": {"connections": 64, "depth": 16},
}


def measure(reference, subjects, loads, rounds, seconds, note=lambda text: None):
    """Bursts as a list of plain values; `loads` maps names to options of the client. All subjects run already."""
    bursts = []
    for load, options in loads.items():
        taking = [subject for subject in subjects if subject.takes(load)]
        for number in range(rounds):
            note(f"{load}, round {number + 1} of {rounds}")
            before = reference.burst(options, seconds)
            for subject in taking:
                seen = subject.burst(options, seconds)
                after = reference.burst(options, seconds)
                beside = {key: (before[key] + after[key]) / 2 for key in ("cpu_us", "rps")}
                bursts.append({**seen, "load": load, "subject": subject.name, "round": number,
                               "ratio": seen["cpu_us"] / beside["cpu_us"], "rps_ratio": seen["rps"] / beside["rps"],
                               "reference_cpu_us": beside["cpu_us"]})
                before = after
    return bursts
