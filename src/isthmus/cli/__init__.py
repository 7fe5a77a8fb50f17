"""The command line: a thin shell, one file a command."""
