"""Live speech: OpenAI's realtime protocol over real sockets, also with the official client."""

import base64
import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai.types import realtime as official
from openai.types.beta import realtime as beta
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.zoo import murmur
from tests.zoo.helpers import metric
from tests.zoo.launched import launched
from tests.zoo.served import Served, served
from tests.zoo.talk import WAIT_SECONDS, speech, talk

TRANSCRIPTION = "conversation.item.input_audio_transcription"
SPOKEN = [
    "input_audio_buffer.speech_started",
    f"{TRANSCRIPTION}.delta",
    f"{TRANSCRIPTION}.delta",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    f"{TRANSCRIPTION}.completed",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The saved model `murmur`."""
    return murmur.save(tmp_path_factory.mktemp("models") / "murmur")


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[Served]:
    """Its server."""
    with served(model, live_ahead_seconds=2) as one:
        yield one


def in_base64(sound: bytes) -> str:
    return base64.b64encode(sound).decode()


def test_the_official_client_reads_each_event_as_its_own_type(server: Served) -> None:
    client = openai.OpenAI(base_url=f"http://{server.host}/v1", api_key="any")
    events: list[Any] = []
    with client.realtime.connect(
        model="murmur", extra_query={"intent": "transcription"}
    ) as connection:
        events.append(connection.recv())
        connection.session.update(
            session={
                "type": "transcription",
                "audio": {
                    "input": {
                        "transcription": {"model": "murmur", "language": "en", "prompt": "so"},
                        "noise_reduction": {"type": "near_field"},
                    }
                },
            }
        )
        for _ in range(2):
            connection.input_audio_buffer.append(audio=in_base64(speech(2, pause=0.8)))
        while sum(one.type == f"{TRANSCRIPTION}.completed" for one in events) < 2:
            events.append(connection.recv())
    for one in events:  # the client itself doesn't check
        type(one).model_validate_json(one.model_dump_json(exclude_unset=True))
    assert [one.type for one in events] == ["session.created", "session.updated", *SPOKEN, *SPOKEN]
    settings = events[1].session.audio.input
    assert (settings.transcription.language, settings.transcription.prompt) == ("en", "so")
    assert (settings.format.rate, settings.turn_detection.silence_duration_ms) == (24_000, 500)
    for item in (events[2:9], events[9:]):
        assert len({one.item_id for one in item if hasattr(one, "item_id")}) == 1
        deltas = [one.delta for one in item if one.type == f"{TRANSCRIPTION}.delta"]
        assert item[-1].transcript == "".join(deltas) == "so 1 2"
        ends = [one.stable_end for one in item if one.type == f"{TRANSCRIPTION}.delta"]
        assert item[0].audio_start_ms / 1000 < ends[0] < ends[1] <= item[3].audio_end_ms / 1000
        assert item[-1].usage.seconds == pytest.approx(2.5, abs=0.11)
    assert events[13].previous_item_id == events[6].item_id


def test_the_older_form_of_the_protocol_is_spoken_too(server: Served) -> None:
    client = openai.OpenAI(websocket_base_url=f"ws://{server.host}/v1", api_key="any")
    with client.beta.realtime.connect(model="murmur") as connection:
        assert json.loads(connection.recv_bytes())["type"] == "transcription_session.created"
        connection.transcription_session.update(
            session={
                "input_audio_format": "g711_ulaw",
                "input_audio_transcription": {"prompt": "so"},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 200},
            }
        )
        updated: Any = connection.recv()
        assert isinstance(updated, beta.TranscriptionSessionUpdatedEvent)
        assert updated.session.input_audio_format == "g711_ulaw"
        connection.input_audio_buffer.append(audio=in_base64(b"\x00" * 8_000 + b"\xff" * 4_000))
        while (event := connection.recv()).type != f"{TRANSCRIPTION}.completed":
            if event.type == "conversation.item.created":
                assert isinstance(event, beta.ConversationItemCreatedEvent)
    assert isinstance(event, beta.ConversationItemInputAudioTranscriptionCompletedEvent)
    assert event.transcript == "so 1"


FORMATS: dict[str, tuple[dict[str, Any], Callable[[], bytes]]] = {
    "16 kHz": ({"type": "audio/pcm", "rate": 16_000}, lambda: speech(2, 16_000, 1)),
    "8 kHz": ({"type": "audio/pcm", "rate": 8_000}, lambda: speech(2, 8_000, 1)),
    "A-law": ({"type": "audio/pcma"}, lambda: b"\x2a" * 16_000 + b"\xd5" * 8_000),
}


@pytest.mark.parametrize("form", FORMATS)
def test_sound_may_have_other_forms(server: Served, form: str) -> None:
    described, sound = FORMATS[form]
    with talk(server.host) as one:
        update = one.update(format=described, turn_detection=None)
        assert update["session"]["audio"]["input"]["format"] == described
        one.append(sound())
        one.say("input_audio_buffer.commit")
        last = one.until("completed")[-1]
    assert last["transcript"].startswith("1 2")
    assert last["usage"] == {"type": "duration", "seconds": 3.0}


def test_a_client_that_closes_its_session_gets_the_rest_first(server: Served) -> None:
    with talk(server.host) as one:
        one.update(transcription={"params": {"initial_prompt": "so", "language": "en"}})
        one.append(speech(2))  # without an end
        one.say("session.close")
        events, code = one.end()
    assert events[-2]["transcript"] == "so 1 2"
    assert (events[-1]["type"], code) == ("session.closed", 1000)


def test_a_client_may_make_the_items_itself(server: Served) -> None:
    with talk(server.host) as one:
        one.update(turn_detection=None)
        one.say("input_audio_buffer.commit", event_id="early")
        refused = one.read()["error"]
        assert (refused["code"], refused["event_id"]) == (
            "input_audio_buffer_commit_empty",
            "early",
        )
        one.append(speech(3))
        one.say("input_audio_buffer.clear")
        one.until("buffer.cleared")
        items = []
        for seconds in (1, 2):
            one.append(speech(seconds))
            one.say("input_audio_buffer.commit")
            items.append(one.until("completed"))
    for item, text in zip(items, ("1", "1 2"), strict=True):
        by_type = {event["type"]: event for event in item}
        committed = by_type["input_audio_buffer.committed"]["item_id"]
        assert by_type["conversation.item.added"]["item"]["id"] == committed
        assert item[-1] | {"transcript": text, "item_id": committed} == item[-1]


def test_a_change_of_the_settings_ends_the_item_in_hand(server: Served) -> None:
    with talk(server.host) as one:
        one.append(speech(2))
        one.update(transcription={"prompt": "now"})
        first = one.until("completed")
        one.append(speech(1, pause=0.8))
        second = one.until("completed")
    assert [first[-1]["transcript"], second[-1]["transcript"]] == ["1 2", "now 1"]
    started = next(one for one in second if one["type"].endswith("speech_started"))
    assert started["audio_start_ms"] == 2000


GARBAGE: dict[str, tuple[str | bytes, str]] = {
    "no JSON": ("{", "invalid_json"),
    "no UTF-8 in a text": (b"\xff", "invalid_message"),
    "a list": ("[]", "missing_type"),
    "an unknown event": ('{"type": "response.create", "event_id": "a"}', "unknown_event"),
    "no base64": ('{"type": "input_audio_buffer.append", "audio": "?"}', "invalid_base64"),
    "odd bytes": ('{"type": "input_audio_buffer.append", "audio": "AAAA"}', "invalid_audio"),
    "no text": ('{"type": "input_audio_buffer.append", "audio": 1}', "invalid_type"),
    "deep": ("[" * 100_000, "invalid_json"),
}
UPDATES: dict[str, dict[str, Any]] = {
    "format.type": {"format": {"type": "audio/opus"}},
    "format.rate": {"format": {"rate": 96_000}},
    "turn_detection.type": {"turn_detection": {"type": "semantic_vad"}},
    "turn_detection.threshold": {"turn_detection": {"threshold": 7}},
    "transcription.language": {"transcription": {"language": "xx"}},
    "transcription.prompt": {"transcription": {"prompt": "a" * 101}},
    "transcription.tempo": {"transcription": {"params": {"tempo": 2}}},
    "transcription.model": {"transcription": {"model": "whisper-1"}},
}


def test_what_makes_no_sense_is_told_and_the_stream_goes_on(server: Served) -> None:
    with talk(server.host) as one:
        for message, code in GARBAGE.values():
            one.socket.send(message, text=True)
            error = one.read()
            official.RealtimeErrorEvent.model_validate(error)
            assert error["error"]["code"] == code
            one.append(b"")  # else these would be too many in a row
        one.socket.send(b"binary")
        assert one.read()["error"]["code"] == "invalid_message"
        for field, settings in UPDATES.items():
            refused = one.update(**settings)["error"]
            assert refused["param"] == f"session.audio.input.{field}"
            one.append(b"")
        one.append(speech(1, pause=0.8))
        assert one.until("completed")[-1]["transcript"] == "1"
        for _ in range(8):
            one.socket.send("{")
        events, closed = one.end()
    assert (events[-1]["error"]["code"], closed) == ("too_many_errors", 1008)


def test_a_frame_that_is_too_large_ends_only_its_own_stream(server: Served) -> None:
    with talk(server.host) as large, talk(server.host) as other:
        with suppress(ConnectionClosed):  # before all is sent
            large.socket.send("a" * 3_000_000)
        with pytest.raises(ConnectionClosed) as closed:
            large.socket.recv(WAIT_SECONDS)
        told = closed.value.rcvd
        assert told is None or told.code == 1009  # the network loses it where more is on its way
        other.append(speech(1, pause=0.8))
        assert other.until("completed")[-1]["transcript"] == "1"


REFUSED = {
    "intent=conversation": "invalid_value",
    "model=whisper-1": "model_not_found",
}


@pytest.mark.parametrize("query", REFUSED)
def test_what_isnt_served_is_told(server: Served, query: str) -> None:
    with talk(server.host, query) as one:
        assert one.first["error"]["code"] == REFUSED[query]
        assert one.end() == ([], 1008)


def test_a_stream_too_many_is_told_to_come_again_and_a_silent_one_ends(model: Path) -> None:
    with served(model, live_streams=1, live_idle_seconds=3) as server, talk(server.host) as one:
        with talk(server.host) as second:
            assert second.first["error"]["code"] == "too_many_streams"
            assert second.end() == ([], 1013)
        one.append(speech(1))
        events, code = one.end()
    assert events[-2]["transcript"] == "1"
    assert (events[-1]["error"]["code"], code) == ("idle_timeout", 1008)


def test_a_browsers_key_is_neither_answered_nor_logged(
    server: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    offered = ["realtime", "openai-insecure-api-key.secret"]
    with talk(server.host, subprotocols=offered) as one:
        assert one.socket.subprotocol == "realtime"
        assert one.first["type"] == "session.created"
        assert one.socket.response is not None
        own = one.socket.response.headers["x-request-id"]
    while own not in caplog.text:  # its line comes when it has ended
        pass
    ours = [one for one in caplog.records if not one.name.startswith("websockets.client")]
    assert "secret" not in "".join(one.getMessage() for one in ours)


def test_a_client_faster_than_the_model_waits(server: Served) -> None:
    """The server keeps only a little of the sound, reads the rest later, and loses no word."""
    with talk(server.host) as one:
        one.update(transcription={"keywords": ["slow"]}, format={"rate": 16_000})
        for _ in range(8):
            one.append(speech(3, 16_000))
        one.append(speech(1, 16_000, pause=1))
        last = one.until("completed")[-1]
    assert last["transcript"].split()[-1] == "25"


def test_a_models_fault_fails_the_item_then_the_stream(server: Served) -> None:
    with talk(server.host) as one:
        one.update(transcription={"keywords": ["boom"]}, turn_detection=None)
        one.append(speech(1))
        one.say("input_audio_buffer.commit")
        failed = one.until("failed")[-1]
        official.ConversationItemInputAudioTranscriptionFailedEvent.model_validate(failed)
        events, code = one.end()
    assert (events[-1]["error"]["code"], code) == ("transcription_failed", 1011)


def test_other_requests_at_the_path_are_refused_as_everywhere(server: Served) -> None:
    plain = httpx2.get(f"http://{server.host}/v1/realtime")
    assert (plain.status_code, plain.headers["upgrade"]) == (426, "websocket")
    assert plain.json()["request_id"] == plain.headers["x-request-id"]
    with pytest.raises(InvalidStatus) as refused, talk(f"{server.host}/elsewhere"):
        pass
    response = refused.value.response
    assert response.status_code == 404
    assert json.loads(response.body or b"")["request_id"] == response.headers["x-request-id"]


def test_a_stream_ends_after_its_time(model: Path) -> None:
    with served(model, live_seconds=3) as one, talk(one.host) as stream:
        stream.append(speech(1))
        events, code = stream.end()
    assert events[-2]["transcript"] == "1"
    assert (events[-1]["error"]["code"], code) == ("session_expired", 1008)


def test_a_dead_client_a_dead_worker_and_the_servers_end_are_told_to_those_who_live(
    model: Path,
) -> None:
    with launched(model, {"THERESA_GRACE_SECONDS": "10"}) as server, ExitStack() as open_:
        host = server.url.removeprefix("http://")
        streams = [open_.enter_context(talk(host)) for _ in range(4)]
        while min(counts := server.connections()) < 2:  # mostly they are two each
            assert len(streams) < 8, counts
            streams.append(open_.enter_context(talk(host)))
        for one in streams:
            one.append(speech(2))
            one.until("delta")
        streams.pop().socket.socket.shutdown(socket.SHUT_RDWR)
        server.workers()[0].kill()
        alive = []
        for one in streams:
            with suppress(ConnectionClosed):
                one.append(speech(1, pause=0.8))
                assert one.until("completed")[-1]["transcript"] == "1 2 3"
                alive.append(one)
        assert counts[1] - 1 <= len(alive) <= counts[1]
        while metric(server.url, "theresa_workers") < 2:
            pass
        assert metric(server.url, "theresa_live_streams") == len(alive)
        alive.append(open_.enter_context(talk(host)))
        for one in alive:
            one.append(speech(2))
            one.until("delta")
        server.master.terminate()
        for one in alive:
            events, code = one.end()
            assert events[-2]["transcript"] == "1 2"
            assert (events[-1]["error"]["code"], code) == ("server_stopping", 1012)
