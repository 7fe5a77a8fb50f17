"""Save and load: JSON, safetensors and hashes; never pickle."""
