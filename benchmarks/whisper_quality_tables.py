"""The quality page: tables and a plot, from what was counted."""

from typing import Any

from benchmarks.contender import render_speed
from benchmarks.plots import Panel, Range
from benchmarks.whisper_quality_contender import OURS, SYSTEMS

TITLE = "whisper_asr on people: real Whisper base, beside faster-whisper and openai-whisper"
PLOTTED = ("read", "words", "ten", "three", "by", "white noise, 0", "babble noise, 0")
PROMPTS = ("initial_prompt", "hotwords")
Row = dict[str, Any]


def chart(result: Row) -> list[Panel]:
    """The error rates as bars, of the sets that differ most from each other."""
    groups: dict[str, dict[str, Range]] = {
        row["name"]: {
            system: (one["low"], one["cer"], one["high"]) for system, one in row["systems"].items()
        }
        for row in result["sets"]
        if "cer" in next(iter(row["systems"].values())) and row["name"].startswith(PLOTTED)
    }
    return [Panel("CER, %", groups)]


def render(result: Row) -> str:
    """The results as Markdown."""
    rows = result["sets"]
    spoken = [row for row in rows if row["kind"] in ("speech", "joined")]
    compared = [row for row in spoken if OURS in row["systems"]]
    parts = [
        f"Whisper {result['checkpoint']}, int8 (openai-whisper: fp32), a beam of 5, otherwise each "
        "one's defaults; one thread. CER in percent with its 95 % interval (2000 resamples of the "
        "recordings; where these are fewer than ten, of their clips). All answers and references "
        "come to one spelling first: simplified characters, numbers in words, no punctuation. "
        "n: the recordings that a system heard, where it didn't hear all. The conversation in two "
        "languages has no transcript but what faster-whisper hears: it shows who loses a language.",
        _table(spoken, "recordings", _rate),
        "Clips without text (at most a fifth of a clip's characters were heard), and segments that "
        "begin or end over a second off the truth:",
        _table([row for row in rows if row["kind"] == "joined"], "recordings", _joined),
        "CPU seconds for a minute of sound:",
        _table(spoken, "recordings", _cpu),
    ]
    if compared:
        parts[2:2] = [
            "CER of ours less theirs, on the same recordings, in points: below 0 ours has fewer "
            "mistakes. In bold where the interval leaves out 0.",
            _table(compared, "recordings", _difference, without=OURS),
        ]
    if named := [row for row in rows if row["kind"] == "names"]:
        parts += [
            "Hotwords: one list of names for all recordings. Names that were heard, and CER:",
            _table(named, "recordings", _names),
        ]
    if silent := [row for row in rows if row["kind"] == "silence"]:
        parts += [_silence(silent)]
    if result["speed"]:
        parts += [_speed(result["speed"])]
    return "\n\n".join(parts)


def _table(rows: list[Row], head: str, cell: Any, without: str = "") -> str:
    """Sets by systems; `–` where there is no figure."""
    systems = [
        name for name in SYSTEMS if name != without and any(name in row["systems"] for row in rows)
    ]
    lines = [f"| {head} | {' | '.join(systems)} |", f"| --- |{' ---: |' * len(systems)}"]
    for row in rows:
        cells = []
        for system in systems:
            one = row["systems"].get(system)
            cells.append(cell(row, one) if one else "–")
        lines.append(f"| {_named(row)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _named(row: Row) -> str:
    count = row["recordings"]
    return row["name"] if count < 10 else f"{row['name']} ({count})"


def _share(row: Row, one: Row) -> str:
    return f", n={one['recordings']}" if one["recordings"] < row["recordings"] else ""


def _rate(row: Row, one: Row) -> str:
    return f"{one['cer']:.1f} ({one['low']:.1f} to {one['high']:.1f}){_share(row, one)}"


def _difference(row: Row, one: Row) -> str:
    if "ours_less" not in one:
        return "–"
    middle, low, high = one["ours_less"]
    text = f"{middle:+.1f} ({low:+.1f} to {high:+.1f})".replace("-", "−")
    return (f"**{text}**" if low > 0 or high < 0 else text) + _share(row, one)


def _cpu(_: Row, one: Row) -> str:
    return f"{60 * one['cpu'] / one['seconds']:.1f}"


def _joined(row: Row, one: Row) -> str:
    lost, off = (f"{one[a]} of {one[b]}" for a, b in (("lost", "clips"), ("off", "segments")))
    return f"{lost}; {off}{_share(row, one)}"


def _names(row: Row, one: Row) -> str:
    names = f"{one['found']} of {one['names']} names; " if one["names"] else ""
    return names + _rate(row, one)


def _silence(rows: list[Row]) -> str:
    """How often nothing was written where nobody speaks, and what was."""
    systems = [name for name in SYSTEMS if any(name in row["systems"] for row in rows)]
    lines = [
        "Ten noises of 12 s (silence, white, pink, brown, tones, ringing, music, a wordless hum, "
        "clicks, breath): how many have no text.",
        "",
        f"| beam | `vad` | prompt | hotwords | {' | '.join(systems)} |",
        f"| ---: | --- | --- | --- |{' ---: |' * len(systems)}",
    ]
    for row in rows:
        options, cells = row["options"], []
        for system in systems:
            one = row["systems"].get(system)
            silent = one["recordings"] - len(one["invented"]) if one else 0
            cells.append(f"{silent} of {one['recordings']}" if one else "–")
        prompt, words = ("yes" if key in options else "no" for key in PROMPTS)
        vad = "yes" if options["vad"] else "no"
        lines.append(
            f"| {options['beam_size']} | {vad} | {prompt} | {words} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def _speed(rows: list[Row]) -> str:
    lines = [
        "Speed: one recording to a call, one thread, the systems in turn.",
        "",
        "| recordings | system | CPU seconds a recording | against faster-whisper |",
        "| --- | --- | ---: | ---: |",
    ]
    for row in rows:
        what = f"{row['count']} {row['what']}, {row['seconds']:.1f} s on average"
        for name, one in row["rows"].items():
            lines.append(
                f"| {what} | {name} | {one['seconds'] / row['count']:.3f} | {render_speed(one)} |"
            )
    return "\n".join(lines)
