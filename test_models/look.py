"""How the pages look: one theme, fonts of the system, nothing from elsewhere."""

from pathlib import Path

import gradio as gr

STATIC = Path(__file__).parent / "static"
FONTS = ("system-ui", "Noto Sans", "Noto Sans CJK SC", "Noto Sans Thai", "PingFang SC",
         "Microsoft YaHei", "Leelawadee UI", "sans-serif")  # fmt: skip


def theme() -> gr.themes.Base:
    """Calm, with one accent; wide enough lines for Thai's marks."""
    return gr.themes.Base(
        primary_hue="teal",
        secondary_hue="teal",
        neutral_hue="slate",
        radius_size="md",
        font=FONTS,
        font_mono=("ui-monospace", "Noto Sans Mono", "monospace"),
    ).set(
        body_background_fill="#f8fafc",
        body_background_fill_dark="#0b1220",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_text_color="white",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
    )


def css() -> str:
    """The pages' style sheet."""
    return (STATIC / "pages.css").read_text(encoding="utf-8")


def head(max_upload: int) -> str:
    """What every page loads first: the functions that components' scripts share.

    Args:
        max_upload: bytes that a file may have; scripts know it as `theresa.maxBytes`.
    """
    script = (STATIC / "pages.js").read_text(encoding="utf-8")
    return f"<script>{script}theresa.maxBytes = {max_upload};</script>"
