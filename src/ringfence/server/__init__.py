"""The processes: puts the rooms together, keeps the clock, answers the control socket."""
