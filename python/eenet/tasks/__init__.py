"""What networks answer, one module a task: how good answers are. Policies and figures read qualities, never labels."""
