"""Enrols a voice, so that a speaker gets a name: embeddings are kept, not recordings.

python mlflow_models/whisper_asr/enroll.py NAME clip.wav ...               to voices.json
python mlflow_models/whisper_asr/enroll.py NAME clip.wav ... -o FILE       to another gallery

`build.py --speakers CHECKPOINT --voices FILE` packs a gallery; or a request sends its content as
the parameter `voices`.
"""

from zoo.building import enrolling, packaging


def main() -> None:
    """Reads the command line and enrols."""
    enrolling.enroll(__doc__)


if __name__ == "__main__":
    packaging.run(main)
