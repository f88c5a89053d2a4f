"""What the commands do, for programs that would do the same."""
