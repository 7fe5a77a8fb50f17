"""What a training came to, for people to read: plots and one self-contained page. One idea a file."""
