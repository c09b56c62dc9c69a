"""Requests that mean harm, by the hundred, to every model; `make bench` sends ten thousand each."""

import pytest

from tests.zoo.promises import SUBJECTS, try_all

URLS = {
    "hanlp_ner": "zoo_url",
    "whisper_asr": "whisper_url",
    "wav2vec2_asr": "wav2vec2_url",
    "clip_caption": "clip_url",
}


@pytest.mark.build
@pytest.mark.parametrize("name", SUBJECTS)
def test_no_request_harms_a_model(name: str, request: pytest.FixtureRequest) -> None:
    tried = try_all(request.getfixturevalue(URLS[name]), SUBJECTS[name], 300, seed=15)
    assert tried.sent.total() == 300
    assert tried.faults == []
    assert tried.unanswered == []
    assert tried.told == []
    assert tried.bad_after == []
