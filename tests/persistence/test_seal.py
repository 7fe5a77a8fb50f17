"""One byte anywhere in a sealed file is noticed."""

import hashlib

import pytest

from isthmus.persistence.seal import BLANK, is_intact, seal, sha256


def test_the_hash_is_sha256_and_the_blank_counts_as_zeros(tmp_path):
    file = tmp_path / "file"
    content = bytes(range(256)) * 9000  # more than two blocks
    file.write_bytes(content)
    assert sha256(file) == hashlib.sha256(content).hexdigest()
    blanked = content[:10] + BLANK.encode() + content[74:]
    assert sha256(file, blank=10) == hashlib.sha256(blanked).hexdigest()


def test_a_flipped_bit_anywhere_is_noticed(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"x" * 30 + b" " + BLANK.encode() + b" " + b"y" * 30)
    seal(file)
    whole = file.read_bytes()
    assert is_intact(file)
    for position in range(len(whole)):
        bit = position % 8
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 1 << bit]) + whole[position + 1 :])
        assert not is_intact(file), (position, bit)
    for shorter in range(len(whole)):
        file.write_bytes(whole[:shorter])
        assert not is_intact(file), shorter
    file.write_bytes(whole + b"z")
    assert not is_intact(file)


def test_a_file_without_a_place_is_no_sealed_file(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"")
    assert not is_intact(file)
    with pytest.raises(ValueError, match="no place for a seal"):
        seal(file)
