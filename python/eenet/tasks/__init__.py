"""What networks answer, one task a file: predictions of it, and how good they are. `registry` has all of them.

Policies and figures read features and qualities, and know no task.
"""
