"""One question a file; a new file is a new check, found by listing."""
