"""What the tests of the command line share."""

#: Options of a training that takes no time.
SMALL = ("--epochs", "2", "--hidden", "16", "--code-size", "4", "--set", "training.threads=1")


def listing(folder):
    """Every path below a folder with its content."""
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }
