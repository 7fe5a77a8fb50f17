"""Published results, reproduced: ``python -m reproductions`` runs them, one file each."""
