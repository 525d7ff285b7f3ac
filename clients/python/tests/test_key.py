from __future__ import annotations

import json
import pickle
import stat
from pathlib import Path

import pytest
from joserfc import jwk, jws

from portcullis import Key, PublicKey
from portcullis.errors import InvalidKeyError
from portcullis.key import Algorithm

ALGORITHMS: list[Algorithm] = ["ES256", "Ed25519"]


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_saved_key_is_readable_by_its_owner_alone_and_loads_again(tmp_path: Path, alg: Algorithm) -> None:
    made = Key.generate(alg)
    made.save(tmp_path / "agent.jwk")
    assert stat.S_IMODE((tmp_path / "agent.jwk").stat().st_mode) == 0o600
    assert Key.load(tmp_path / "agent.jwk").public == made.public
    with pytest.raises(FileExistsError):
        Key.generate().save(tmp_path / "agent.jwk")


def test_the_file_of_portcullis_key_new_is_read(tmp_path: Path) -> None:
    """What `portcullis key new --kid a1` wrote: its members, in its order."""
    file = tmp_path / "agent.jwk"
    file.write_text(
        '{"kty":"EC","crv":"P-256","x":"MFgoif8f5cYolWMwOhQCk9PcOb8af_jX4TpZR-0ryWc","y":"V-59x1iwWWnMAH6N5RPQeChdTq4zFVghUqrJh'
        'MeLq80","d":"TkAuuTk0WPA9QjpRyu3RrzT9OkwJ9NpbHpIzMnPGYRk","alg":"ES256","kid":"a1"}\n'
    )
    file.chmod(0o600)
    assert Key.load(file).thumbprint == "_G-rZcIilxIPYRggS6Eu9XQ3vrvyTtnLslUdIruu8ZQ"


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    Key.generate().save(tmp_path / "agent.jwk")
    (tmp_path / "agent.jwk").chmod(0o640)
    with pytest.raises(InvalidKeyError, match="others may read"):
        Key.load(tmp_path / "agent.jwk")


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_stock_library_agrees_on_thumbprints_and_signatures(alg: Algorithm) -> None:
    made = Key.generate(alg)
    theirs = jwk.import_key({name: value for name, value in made.public.jwk.items()})
    assert theirs.thumbprint() == made.thumbprint
    assert theirs.thumbprint_uri() == made.thumbprint_uri
    token = made.sign_jws("warrant+jwt", {"sub": "agent:demo"}, kid="a1")
    read = jws.deserialize_compact(token, theirs, algorithms=[alg])
    assert read.headers() == {"alg": alg, "typ": "warrant+jwt", "kid": "a1"}
    assert json.loads(read.payload) == {"sub": "agent:demo"}


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_changed_signature_does_not_verify(alg: Algorithm) -> None:
    made = Key.generate(alg)
    signature = made._sign(b"signed")
    assert made.public.verify(signature, b"signed")
    assert not made.public.verify(signature, b"changed")
    assert not made.public.verify(signature[:-1], b"signed")
    assert not Key.generate(alg).public.verify(signature, b"signed")


def test_a_file_that_is_not_a_private_key_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "agent.jwk"
    for text, wrong in (("{", "not JSON"), (json.dumps(Key.generate().public.jwk), "a public key"), ('{"kty":"RSA"}', "neither")):
        file.write_text(text)
        file.chmod(0o600)
        with pytest.raises(InvalidKeyError, match=wrong) as caught:
            Key.load(file)
        assert str(file) in str(caught.value)


def test_a_public_jwk_has_exactly_its_members() -> None:
    public = Key.generate().public
    assert PublicKey.from_jwk(public.jwk) == public
    for jwk_ in (
        {**public.jwk, "d": public.jwk["x"]},
        {**public.jwk, "kid": "a"},
        {**public.jwk, "alg": "ES384"},
        {**public.jwk, "y": "AA"},
    ):
        with pytest.raises(InvalidKeyError):
            PublicKey.from_jwk(jwk_)
    with pytest.raises(InvalidKeyError, match="curve"):
        PublicKey.from_jwk({**public.jwk, "y": public.jwk["x"]})


def test_halves_that_do_not_belong_together_are_refused() -> None:
    one, two = Key.generate("Ed25519"), Key.generate("Ed25519")
    with pytest.raises(InvalidKeyError, match="belong together"):
        Key.from_jwk({**one.public.jwk, "d": two.public.jwk["x"]})


def test_a_key_shows_itself_in_no_repr_no_exception_and_no_pickle(tmp_path: Path) -> None:
    made = Key.generate()
    made.save(tmp_path / "agent.jwk")
    secret = json.loads((tmp_path / "agent.jwk").read_text())["d"]
    assert secret not in repr(made) + str(made) + repr(made.public)
    with pytest.raises(TypeError):
        pickle.dumps(made)
    (tmp_path / "agent.jwk").write_text('{"kty":"EC","d":"' + secret + '"')
    with pytest.raises(InvalidKeyError) as caught:
        Key.load(tmp_path / "agent.jwk")
    error: BaseException | None = caught.value
    while error is not None:
        assert secret not in repr(error) + str(vars(error))
        error = error.__cause__ or error.__context__
