"""What every page has: its head with the ways to the others, the choice of a model, errors."""

import functools
import html
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from test_models.calls import ServiceError
from test_models.labels import Labels, add, label, script_labels
from test_models.services import Page, Service, Services, State

REFRESH = 5.0  # seconds from one look at the models to the next
NAMES: Labels = {
    "start": ("Models", "模型", "โมเดล"),
    "asr": ("Speech", "语音", "เสียงพูด"),
    "ner": ("Entities", "实体", "ชื่อเฉพาะ"),
    "caption": ("Photos", "图片", "ภาพถ่าย"),
    "other": ("Others", "其他", "อื่น ๆ"),
    "evaluate": ("Evaluate", "评测", "ประเมินผล"),
}
WORDS: Labels = {
    "up": ("up", "运行中", "พร้อมใช้งาน"),
    "down": ("down", "未运行", "ไม่พร้อมใช้งาน"),
    "pages": ("Pages", "页面", "หน้า"),
}
ANSWER: Labels = {"answer": ("Answer", "回答", "คำตอบ")}
add(
    {
        "model": ("Model", "模型", "โมเดล"),
        "sample": ("Try a sample", "试用示例", "ลองตัวอย่าง"),
        "options": ("Options", "选项", "ตัวเลือก"),
    }
)
NO_MODEL = "No such model is set up."
PAGE_FAILED = "The page itself failed; its log says why."
HEAD = """
const words = theresa.labels(props.labels);
const bar = theresa.make("nav", {"aria-label": words.pages});
for (const [path, name] of Object.entries(words)) {
  if (!props.paths.includes(path)) continue;
  const here = path === props.here;
  bar.append(theresa.make("a", {
    href: path === "start" ? "./" : path, "aria-current": here ? "page" : null,
  }, name));
}
const start = props.here === "start";
if (!start) bar.prepend(theresa.make("strong", {}, "Theresa"));
element.replaceChildren(bar, theresa.make("h1", {}, start ? "Theresa" : words[props.here]));
document.title = start ? "Theresa" : words[props.here] + " · Theresa";
document.documentElement.lang = theresa.language();
"""


def head(here: str) -> None:
    """A page's head: the ways to the other pages, and its name as the heading."""
    gr.HTML(
        "",
        js_on_load=HEAD,
        elem_classes="theresa-head",
        here=here,
        paths=list(NAMES),
        labels=script_labels({**NAMES, **WORDS}),
    )


def picker(
    services: Services, page: Page, timer: gr.Timer, key: str = "model", optional: bool = False
) -> gr.Dropdown:
    """The choice among the models of a page, and whether the chosen one is up.

    Args:
        key: of the choice's label.
        optional: there may be none, which is what is chosen first; its value is "".
    """
    none = [""] * optional
    names = [*none, *(one.name for one in services.of(page))]
    shown = gr.State(names)
    with gr.Row(equal_height=True):
        choice = gr.Dropdown(**_choices(names, None), label=label(key))
        line = gr.HTML("" if optional else state_html(None), padding=True)

    async def refresh(name: str | None, shown: list[str]) -> tuple[Any, list[str], str]:
        known = {one.name: one for one in await services.learned(page)}
        names = [*none, *known]
        change = gr.skip() if names == shown else gr.update(**_choices(names, name))
        if optional and not name:
            return change, names, ""
        service = known.get(name or next(iter(known), ""))
        state = await services.state(service) if service else State(False, NO_MODEL)
        return change, names, state_html(state)

    gr.on([timer.tick, choice.change, current().load], refresh, [choice, shown],
          [choice, shown, line], show_progress="hidden", queue=False)  # fmt: skip
    return choice


def _choices(names: list[str], chosen: str | None) -> dict[str, Any]:
    """A picker's choices: the chosen one stays, or else it is the first."""
    first = names[0] if names else None
    return {
        "choices": [(name or "–", name) for name in names],
        "value": chosen if chosen in names else first,
    }


def current() -> gr.Blocks:
    """The blocks that a page is being put into."""
    blocks = gr.context.Context.root_block
    assert blocks is not None
    return blocks


def state_html(state: State | None) -> str:
    """Whether a model is up, in the browser's language; why not, in English."""
    if state is None:
        return '<p class="theresa-state">…</p>'
    kind = "up" if state.up else "down"
    why = f"<small>{html.escape(state.reason)}</small>" if state.reason else ""
    return f'<p class="theresa-state {kind}" role="status">{spans(WORDS[kind])}{why}</p>'


def spans(texts: tuple[str, str, str]) -> str:
    """A text in every language; the style sheet shows the browser's."""
    languages = zip(("en", "zh", "th"), texts, strict=True)
    return "".join(f'<span lang="{one}">{text}</span>' for one, text in languages)


def error_html(sentence: str) -> str:
    """An error, for the place where the user looks; nothing for no error."""
    return f'<p class="theresa-error" role="alert">{html.escape(sentence)}</p>' if sentence else ""


def scripted(
    script: Path, labels: Labels, uses: Sequence[Path] = (), value: Any = None, **props: Any
) -> gr.HTML:
    """A component that a script makes and fills; the style sheet beside it has its name.

    Args:
        script: a file `NAME.js`; `NAME.css` is beside it.
        labels: what the script says.
        uses: scripts that run before it, with their style sheets.
        value: what it begins with.
        props: the script's own.
    """
    scripts = [*uses, script]
    styles = [one for each in scripts if (one := each.with_suffix(".css")).is_file()]
    return gr.HTML(
        value,
        html_template="",
        css_template="\n".join(one.read_text(encoding="utf-8") for one in styles),
        js_on_load="\n".join(one.read_text(encoding="utf-8") for one in scripts),
        apply_default_css=False,
        elem_classes="theresa-flush",
        labels=script_labels(labels),
        **props,
    )


def on(
    triggers: Sequence[Callable[..., Any]],
    work: Callable[..., Any],
    inputs: Sequence[gr.blocks.Block],
    outputs: Sequence[gr.blocks.Block],
    button: gr.Button,
    error: gr.HTML,
) -> gr.events.Dependency:
    """Does `work` when asked: the button is disabled meanwhile, what fails is said in `error`.

    Args:
        triggers: such as `button.click`.
        work: a coroutine function that gives the outputs' values as a tuple, or an asynchronous
            generator of such tuples. A `ServiceError` that it raises is what is said.
    """
    nothing = [gr.skip()] * len(outputs)

    @functools.wraps(work)  # Gradio looks for `gr.EventData` in the signature
    async def run(*args: Any) -> AsyncIterator[list[Any]]:
        yield [*nothing, gr.Button(interactive=False), ""]
        sentence = ""
        try:
            if inspect.isasyncgenfunction(work):
                async for values in work(*args):
                    yield [*values, gr.skip(), gr.skip()]
            else:
                yield [*await work(*args), gr.skip(), gr.skip()]
        except ServiceError as failure:
            sentence = str(failure)
        except Exception:
            logging.getLogger(__name__).exception("a page failed")
            sentence = PAGE_FAILED
        yield [*nothing, gr.Button(interactive=True), error_html(sentence)]

    return gr.on(list(triggers), run, list(inputs), [*outputs, button, error],
                 show_progress="hidden")  # fmt: skip


def chosen(services: Services, name: str | None) -> Service:
    """The service that a picker's value names.

    Raises:
        ServiceError: there is none.
    """
    if not name:
        raise ServiceError(NO_MODEL)
    return services.named(name)
