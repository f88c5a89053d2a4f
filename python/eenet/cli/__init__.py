"""Commands, one file each: arguments and printing."""
